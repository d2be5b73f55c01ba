package whoami

import (
	"bytes"
	"encoding/json"
	"reflect"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
)

func TestJSONPath(t *testing.T) {
	const text = `{"a":{"b":[10,{"c":"deep"},[]]},"x.y":1,"back\\slash":2,"0":3,"01":4,"é":5,"empty":{}}`
	for path, want := range map[string]string{
		"a.b.0":         `10`,
		"a.b.1.c":       `"deep"`,
		"a.b.2":         `[]`,
		"a.b":           `[10,{"c":"deep"},[]]`,
		`x\.y`:          `1`,
		`back\\slash`:   `2`,
		"0":             `3`,
		"01":            `4`,
		"é":             `5`,
		"empty":         `{}`,
		"a.b.3":         ``,
		"a.b.01":        ``,
		"a.b.-1":        ``,
		"a.b.c":         ``,
		"a.b.0.x":       ``,
		"a.b.2.0":       ``,
		"x.y":           ``,
		"empty.x":       ``,
		"A":             ``,
		"a.b.999999999": ``,
	} {
		parsed, err := parseJSONPath(path)
		if err != nil {
			t.Fatal(err)
		}
		got, found := parsed.find(jsontext.Value(text))
		if found != (want != "") || string(got) != want {
			t.Errorf("%s: %s %v, want %s", path, got, found, want)
		}
	}
}

// walk does the same the slow way.
func walk(value any, path jsonPath) (any, bool) {
	for _, step := range path {
		switch container := value.(type) {
		case map[string]any:
			var found bool
			if value, found = container[step.name]; !found {
				return nil, false
			}
		case []any:
			if !step.isIndex || step.index >= len(container) {
				return nil, false
			}
			value = container[step.index]
		default:
			return nil, false
		}
	}
	return value, true
}

func FuzzJSONPath(f *testing.F) {
	f.Add("a.b.0", `{"a":{"b":[1,2]}}`)
	f.Add(`x\.y`, `{"x.y":null}`)
	f.Add("0.0", `[[true]]`)
	f.Add("0", `{"0":{}}`)
	f.Fuzz(func(t *testing.T, text, body string) {
		path, err := parseJSONPath(text)
		if err != nil {
			if path != nil {
				t.Error("a path beside an error")
			}
			return
		}
		if !jsontext.Value(body).IsValid() {
			return
		}
		decoder := json.NewDecoder(bytes.NewReader([]byte(body)))
		decoder.UseNumber()
		var whole any
		if decoder.Decode(&whole) != nil {
			return
		}
		want, wantFound := walk(whole, path)
		got, found := path.find(jsontext.Value(body))
		if found != wantFound {
			t.Fatalf("found %v, want %v", found, wantFound)
		}
		if !found {
			return
		}
		decoder = json.NewDecoder(bytes.NewReader(got))
		decoder.UseNumber()
		var value any
		if err := decoder.Decode(&value); err != nil || !reflect.DeepEqual(value, want) {
			t.Errorf("got %v (%v), want %v", value, err, want)
		}
	})
}
