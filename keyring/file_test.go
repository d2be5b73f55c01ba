package keyring

import (
	"testing"
	"time"

	"github.com/caddy-jwt-session/caddy-jwt-session/validator"
)

// FuzzReadFile reads any text as the file of keys. What is read has keys at any time, one of which signs, and stays what
// it is when it is written.
func FuzzReadFile(f *testing.F) {
	w := file{
		Keys: []entry{
			{ID: "a", Algorithm: validator.HS256, Private: []byte("secret"), Created: start, SignsFrom: start},
			{ID: "b", Algorithm: validator.EdDSA, Private: []byte("other"), Created: start, SignsFrom: start.Add(time.Minute)},
		},
		TokenLifetime: 60, RotateEvery: 3600,
	}
	text, err := w.text()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	for _, damage := range damages {
		f.Add([]byte(damage.text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		read, err := readFile(text)
		if err != nil {
			if len(read.Keys) != 0 {
				t.Error("keys beside an error")
			}
			return
		}
		for _, now := range []time.Time{start, {}, start.AddDate(200, 0, 0)} {
			plan := planOf(read, validator.HS256, time.Hour, time.Minute, now)
			if len(plan.keys) == 0 || len(plan.keys) > len(read.Keys) {
				t.Errorf("at %s %d of %d keys are left", now, len(plan.keys), len(read.Keys))
			}
		}
		written, err := read.text()
		if err != nil {
			return // a time that JSON has no form for; nothing is written then
		}
		again, err := readFile(written)
		if err != nil || len(again.Keys) != len(read.Keys) {
			t.Errorf("written and read again: %v", err)
		}
	})
}
