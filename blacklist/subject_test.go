package blacklist

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"testing"

	"pgregory.net/rapid"
)

func TestSubjectsDiffer(t *testing.T) {
	session := sha256.Sum256([]byte("jti"))
	all := []Subject{
		TokenID("jti"), TokenID("jti2"), EndOf("shop", session), EndOf("", session), EndOf("shop\x00", session),
		EndOf("shop", [32]byte{}),
	}
	seen := make(map[string]bool)
	for i, one := range all {
		for j, other := range all {
			if (one == other) != (i == j) {
				t.Errorf("subjects %d and %d: equal is %v", i, j, one == other)
			}
		}
		if seen[string(one.Bytes())] {
			t.Errorf("the bytes of subject %d are those of another", i)
		}
		seen[string(one.Bytes())] = true
	}
}

// The bytes are in journals on disk: this form must be read for ever.
func TestSubjectBytes(t *testing.T) {
	digest := sha256.Sum256([]byte("jti"))
	if got, want := TokenID("jti").Bytes(), append([]byte{1}, digest[:]...); !bytes.Equal(got, want) {
		t.Errorf("TokenID: %x, want %x", got, want)
	}
	want := append(append([]byte{2}, digest[:]...), "shop"...)
	if got := EndOf("shop", digest).Bytes(); !bytes.Equal(got, want) {
		t.Errorf("EndOf: %x, want %x", got, want)
	}
}

func TestSubjectComesBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		digest := sha256.Sum256([]byte(rapid.String().Draw(t, "text")))
		subject := rapid.SampledFrom([]Subject{
			TokenID(rapid.String().Draw(t, "jti")), EndOf(rapid.String().Draw(t, "realm"), digest),
		}).Draw(t, "subject")
		if parsed, err := ParseSubject(subject.Bytes()); err != nil || parsed != subject {
			t.Fatalf("ParseSubject: %v, %v", parsed, err)
		}
	})
}

func TestParseSubjectRefuses(t *testing.T) {
	for name, data := range map[string][]byte{
		"nothing":               nil,
		"too short":             make([]byte, 32),
		"the zero subject":      Subject{}.Bytes(),
		"a kind to come":        append([]byte{99}, make([]byte, 32)...),
		"a token id in a realm": append(TokenID("jti").Bytes(), 'x'),
	} {
		if subject, err := ParseSubject(data); !errors.Is(err, ErrSubject) || subject != (Subject{}) {
			t.Errorf("%s: %v, %v", name, subject, err)
		}
	}
}

func FuzzParseSubject(f *testing.F) {
	f.Add([]byte(nil))
	f.Add(TokenID("jti").Bytes())
	f.Add(EndOf("shop", [32]byte{1}).Bytes())
	f.Add(EndOf("", [32]byte{}).Bytes())
	f.Fuzz(func(t *testing.T, data []byte) {
		subject, err := ParseSubject(data)
		switch {
		case err != nil && subject != (Subject{}):
			t.Fatal("a subject beside an error")
		case err == nil && !bytes.Equal(subject.Bytes(), data):
			t.Fatalf("%x is read as the subject of %x", data, subject.Bytes())
		}
	})
}
