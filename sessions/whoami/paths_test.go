package whoami

import (
	"net/http"
	"reflect"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
)

func TestPathsOfAnAnswer(t *testing.T) {
	for text, want := range map[string][]Path{
		`{"user":{"id":7,"name":"SECRET","admin":true},"next":null}`: {
			{"user.id", "number"}, {"user.name", "text"}, {"user.admin", "true or false"}, {"next", "null"},
		},
		`{"a.b":{"c\\d":"x"},"":1}`:            {{`a\.b.c\\d`, "text"}},
		`[{"id":1},{"id":"two"},[]]`:           {{"0.id", "number"}, {"1.id", "text"}},
		`"alice"`:                              {{"", "text"}},
		`{}`:                                   nil,
		"\ufeff" + ` {"user": "alice"}` + "\n": {{"user", "text"}},
	} {
		got, isJSON := Paths(Answer{Status: 200, Body: []byte(text)}, 1000)
		if !isJSON || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %v, %v, want %v", text, got, isJSON, want)
		}
	}
	for name, answer := range map[string]Answer{
		"no answer": {Failure: TimedOut}, "HTML": {Body: []byte("<p>hello")}, "twice": {Body: []byte(`{"a":1,"a":2}`)},
		"too large": {Body: []byte(`{"a":"` + strings.Repeat("x", 2000) + `"}`)}, "nothing": {},
		"encoded": {Header: http.Header{"Content-Encoding": {"rot13"}}, Body: []byte(`{}`)},
	} {
		if got, isJSON := Paths(answer, 1000); isJSON || got != nil {
			t.Errorf("%s: %v, %v", name, got, isJSON)
		}
	}
	deep := strings.Repeat(`{"a":`, 5000) + "1" + strings.Repeat("}", 5000)
	if got, _ := Paths(Answer{Body: []byte(deep)}, 1<<20); len(got) != 0 {
		t.Errorf("a deep text has %v", got)
	}
	wide := "[" + strings.Repeat("1,", 9000) + "1]"
	if got, _ := Paths(Answer{Body: []byte(wide)}, 1<<20); len(got) != maxPaths {
		t.Errorf("a wide text has %d paths", len(got))
	}
}

// Each path that is named leads to a value, by the reader that the gateway has.
func FuzzPaths(f *testing.F) {
	for _, seed := range []string{`{"user":{"id":7}}`, `{"a.b":{"c\\d":"x"},"":1}`, `[{"id":1},[[null]]]`, `"a"`, `{"a":1,"a":2}`, `{"0":[1]}`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		paths, _ := Paths(Answer{Body: []byte(text)}, 1<<16)
		for _, path := range paths {
			if path.Name == "" {
				continue
			}
			parsed, err := parseJSONPath(path.Name)
			if err != nil {
				t.Fatalf("%q: %v", path.Name, err)
			}
			if value, found := parsed.find(jsontext.Value(strings.TrimPrefix(text, "\ufeff"))); !found || kindName(value.Kind()) != path.Kind {
				t.Fatalf("%q leads to %q, %v, want %s", path.Name, value, found, path.Kind)
			}
		}
	})
}
