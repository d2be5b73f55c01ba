package validator

import (
	"strings"
	"sync"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
)

func readStrings(text string) (map[string]string, error) {
	members := make(map[string]string)
	err := readObject([]byte(text), func(name string, decoder *jsontext.Decoder) (err error) {
		members[name], err = readString(decoder)
		return err
	})
	return members, err
}

// Readers are used again: what one text held, be it refused in the middle, is not seen by the next.
func TestReadersForget(t *testing.T) {
	var group sync.WaitGroup
	for range 4 {
		group.Go(func() {
			for range 200 {
				for _, refused := range []string{`{"a":"1","a":"2"}`, `{"a":"1","b":{"c":[`, `{"a":1}`, `{"a":"1"}x`, ``, `[[[[`} {
					if _, err := readStrings(refused); err == nil {
						t.Errorf("accepted: %s", refused)
					}
				}
				got, err := readStrings(`{"a":"3"}`)
				if err != nil || len(got) != 1 || got["a"] != "3" {
					t.Errorf("got %v, %v", got, err)
				}
			}
		})
	}
	group.Wait()
}

func TestManyNamesAreCompared(t *testing.T) {
	var text strings.Builder
	for i := range 300 {
		text.WriteString(`"` + strings.Repeat("n", i+1) + `":"",`)
	}
	if got, err := readStrings("{" + text.String() + `"m":""}`); err != nil || len(got) != 301 {
		t.Errorf("got %d members, %v", len(got), err)
	}
	if _, err := readStrings("{" + text.String() + `"nnn":""}`); err == nil {
		t.Error("a name that occurs twice among many is accepted")
	}
}
