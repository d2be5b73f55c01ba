package validator

import (
	"encoding/json"
	"maps"
	"testing"

	"pgregory.net/rapid"
)

func TestJSONObject(t *testing.T) {
	object := jsonObject{}.text("a", `<&>"\`).number("n", -7).raw("r", []byte(`["x"]`)).text("é\n", "\xff\u2028")
	if got, want := string(object.end()), `{"a":"<&>\"\\","n":-7,"r":["x"],"é\n":"`+"\ufffd\u2028"+`"}`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got := string(jsonObject(nil).end()); got != "{}" {
		t.Errorf("nothing is %s", got)
	}
}

// Whatever the texts hold, other readers read the same.
func TestJSONObjectIsRead(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := rapid.MapOf(rapid.String(), rapid.String()).Draw(t, "members")
		var object jsonObject
		for name, value := range want {
			object = object.text(name, value)
		}
		var got map[string]string
		if err := json.Unmarshal(object.end(), &got); err != nil || !maps.Equal(got, want) {
			t.Fatalf("got %q, %v", got, err)
		}
	})
}
