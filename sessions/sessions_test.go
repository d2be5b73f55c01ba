package sessions

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestHashText(t *testing.T) {
	hash := HashOf("abc")
	// The SHA-256 of "abc" is an example of FIPS 180-2, appendix B.1.
	const want = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
	if hash.String() != want {
		t.Errorf("got %s", hash)
	}
	parsed, err := ParseHash(want)
	if err != nil || parsed != hash || !parsed.Equal(hash) || parsed.Equal(Hash{}) {
		t.Errorf("read back as %s, %v", parsed, err)
	}
	for _, text := range []string{"", "abc", want[1:], want + "0", strings.Repeat("g", 64)} {
		if parsed, err := ParseHash(text); err == nil || parsed != (Hash{}) || text != "" && strings.Contains(err.Error(), text) {
			t.Errorf("%q: got %s, %v", text, parsed, err)
		}
	}
}

func TestTouchedStartsTheIdleTimeAnew(t *testing.T) {
	start := time.Unix(1_800_000_000, 0)
	session := Session{Seen: start, Ends: start.Add(time.Hour), Expires: start.Add(10 * time.Minute), AuthTime: 7}
	touched := session.Touched(start.Add(5*time.Minute), 10*time.Minute)
	if !touched.Seen.Equal(start.Add(5*time.Minute)) || !touched.Expires.Equal(start.Add(15*time.Minute)) || touched.AuthTime != 7 {
		t.Errorf("got %+v", touched)
	}
	if late := session.Touched(start.Add(55*time.Minute), 10*time.Minute); !late.Expires.Equal(session.Ends) {
		t.Errorf("a session outlives its end: %s", late.Expires)
	}
	for after, expired := range map[time.Duration]bool{-1: false, 0: true, 1: true} {
		if session.Expired(session.Expires.Add(after)) != expired {
			t.Errorf("%d ns after: expired is not %v", after, expired)
		}
	}
}

func TestSourceNames(t *testing.T) {
	for source, want := range map[Source]string{Learned: "learned", Added: "added", 0: "unknown", 99: "unknown"} {
		if source.String() != want {
			t.Errorf("%d: got %q", source, source)
		}
	}
}

func TestAttributeForms(t *testing.T) {
	for text, want := range map[string]Attribute{
		`null`:                 {},
		`"a"`:                  Text("a"),
		`""`:                   Text(""),
		`12`:                   Text("12"),
		`1.50`:                 Text("1.50"),
		`12345678901234567`:    Text("12345678901234567"),
		`true`:                 Text("true"),
		`[]`:                   List(),
		`["a", 1, false]`:      List("a", "1", "false"),
		`"<&>"`:                Text("<&>"),
		`"\u00e9\ud83d\ude00"`: Text("é😀"),
	} {
		var got Attribute
		if err := json.Unmarshal([]byte(text), &got); err != nil || !got.Equal(want) {
			t.Errorf("%s: got %v, %v", text, got, err)
		}
	}
	for _, text := range []string{`{}`, `[null]`, `[[]]`, `[{"a": 1}]`} {
		got := Text("before")
		if err := json.Unmarshal([]byte(text), &got); !errors.Is(err, ErrAttribute) || !got.Equal(Text("before")) {
			t.Errorf("%s: got %v, %v", text, got, err)
		}
	}
}

func TestAttributeSurvivesJSON(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		texts := rapid.SliceOf(rapid.String()).Draw(t, "texts")
		for _, attribute := range []Attribute{{}, List(texts...), Text(strings.Join(texts, ""))} {
			encoded, err := attribute.MarshalJSON()
			if err != nil {
				t.Fatal(err)
			}
			var decoded Attribute
			if err := decoded.UnmarshalJSON(encoded); err != nil || !decoded.Equal(attribute) {
				t.Fatalf("%s came back as %v, %v", encoded, decoded, err)
			}
		}
	})
}

func TestAttributeNeverChanges(t *testing.T) {
	texts := []string{"a", "b"}
	attribute := List(texts...)
	texts[0] = "x"
	attribute.Texts()[1] = "y"
	if !attribute.Equal(List("a", "b")) || !attribute.IsList() || !attribute.Present() || (Attribute{}).Present() {
		t.Errorf("got %v", attribute.Texts())
	}
	if attribute.Equal(Text("a")) || List().Equal(Attribute{}) {
		t.Error("values of different kinds are equal")
	}
}
