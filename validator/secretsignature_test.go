package validator

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"slices"
	"strings"
	"sync"
	"testing"
)

// plainMAC is HS256 as the standard library does it in one go.
func plainMAC(secret, text []byte) []byte {
	hash := hmac.New(sha256.New, secret)
	hash.Write(text)
	return hash.Sum(nil)
}

func FuzzSecretSignature(f *testing.F) {
	f.Add([]byte("0123456789abcdef0123456789abcdef"), []byte("text"), []byte("other"))
	f.Add(bytes.Repeat([]byte{1}, 65), []byte{}, bytes.Repeat([]byte("x"), 200))
	f.Fuzz(func(t *testing.T, secret, first, second []byte) {
		if len(secret) == 0 {
			return // newSignature has none for it
		}
		signature := newSecretSignature(secret)
		for _, text := range [][]byte{first, second, first} { // what was before leaves no trace
			want := plainMAC(secret, text)
			if got := signature.sign(text); !bytes.Equal(got, want) {
				t.Fatalf("the signature over %q is %x, want %x", text, got, want)
			}
			if !signature.verify(string(text), want) {
				t.Fatalf("the signature over %q is refused", text)
			}
			for _, wrong := range [][]byte{nil, want[:31], append(bytes.Clone(want), 0), plainMAC(slices.Concat(secret, []byte{1}), text), plainMAC(secret, slices.Concat(text, []byte{1}))} {
				if signature.verify(string(text), wrong) {
					t.Fatalf("%x is accepted over %q", wrong, text)
				}
			}
		}
	})
}

// Goroutines that use one secret at the same time don't see each other's texts.
func TestSecretSignatureIsSafeForConcurrentUse(t *testing.T) {
	secret := []byte("0123456789abcdef0123456789abcdef")
	signature, err := newSignature(HS256, secret, secret)
	if err != nil {
		t.Fatal(err)
	}
	var group sync.WaitGroup
	for n := range 8 {
		group.Go(func() {
			text := strings.Repeat("text ", n*20+1)
			want := plainMAC(secret, []byte(text))
			for range 500 {
				got, err := signature.sign([]byte(text))
				if err != nil || !bytes.Equal(got, want) || !signature.verify(text, want) || signature.verify(text+".", want) {
					t.Errorf("goroutine %d: %x, %v", n, got, err)
					return
				}
			}
		})
	}
	group.Wait()
}
