package validator

import (
	"bytes"
	"strings"
	"testing"
)

func TestSealAndOpen(t *testing.T) {
	text := []byte(`{"state":"secret"}`)
	old, other := mustKey(t, "a"), mustKey(t, "b")
	sealed, err := mustSet(t, old).Seal("callback", text)
	if err != nil {
		t.Fatal(err)
	}
	if strings.ContainsAny(sealed, "; ,\"\\=") || strings.Contains(sealed, "secret") {
		t.Errorf("%q has no place in a cookie", sealed)
	}
	rotated := mustSet(t, other, old)
	if got, err := rotated.Open("callback", sealed); err != nil || !bytes.Equal(got, text) {
		t.Errorf("after a rotation: %q, %v", got, err)
	}
	again, err := mustSet(t, old).Seal("callback", text)
	if err != nil || again == sealed {
		t.Errorf("the same text is sealed alike twice, %v", err)
	}
	changed := []byte(sealed)
	changed[len(changed)-5] ^= 1
	for name, open := range map[string]func() ([]byte, error){
		"another purpose":  func() ([]byte, error) { return rotated.Open("sid", sealed) },
		"without the key":  func() ([]byte, error) { return mustSet(t, other).Open("callback", sealed) },
		"no set":           func() ([]byte, error) { return (*KeySet)(nil).Open("callback", sealed) },
		"changed":          func() ([]byte, error) { return rotated.Open("callback", string(changed)) },
		"padded":           func() ([]byte, error) { return rotated.Open("callback", sealed+"=") },
		"a line break":     func() ([]byte, error) { return rotated.Open("callback", sealed+"\n") },
		"too long":         func() ([]byte, error) { return rotated.Open("callback", sealed+strings.Repeat("A", maxSealed)) },
		"nothing":          func() ([]byte, error) { return rotated.Open("callback", "") },
		"the key id alone": func() ([]byte, error) { return rotated.Open("callback", strings.SplitAfter(sealed, ".")[0]) },
	} {
		if got, err := open(); err == nil || got != nil {
			t.Errorf("%s: opened %q", name, got)
		}
	}
	if _, err := new(KeySet).Seal("callback", text); err == nil {
		t.Error("sealed without a key")
	}
}

func FuzzOpenSealed(f *testing.F) {
	set := mustSet(f, mustKey(f, "a"))
	sealed, err := set.Seal("callback", []byte("text"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(sealed)
	f.Add("YQ.AAAA")
	f.Fuzz(func(t *testing.T, text string) {
		opened, err := set.Open("callback", text)
		if err == nil && string(opened) != "text" || err != nil && opened != nil { // nothing else was ever sealed
			t.Errorf("opened %q from %q", opened, text)
		}
		if _, err := set.Open("other", text); err == nil {
			t.Errorf("%q opens for two purposes", text)
		}
	})
}
