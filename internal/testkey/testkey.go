// Package testkey hands out RSA keys to tests. To make one takes longer than most tests do, so the tests of a process share
// them, and no test meets the same key twice.
package testkey

import (
	"crypto/rand"
	"crypto/rsa"
	"strings"
	"sync"
	"testing"
)

// bits is the length of a key: the least that RS256 allows (RFC 7518 section 3.3).
const bits = 2048

var (
	mutex sync.Mutex
	keys  []*rsa.PrivateKey
	taken = map[string][]bool{} // which keys a test has, by the name of the test at the top
)

// RSA returns a key that the test has for itself: neither the test nor any of its subtests gets it again before t ends. Other
// tests may have it meanwhile.
func RSA(t testing.TB) *rsa.PrivateKey {
	t.Helper()
	top, _, _ := strings.Cut(t.Name(), "/")
	mutex.Lock()
	defer mutex.Unlock()
	index := free(taken[top])
	if index == len(taken[top]) {
		taken[top] = append(taken[top], false)
	}
	if index == len(keys) {
		key, err := rsa.GenerateKey(rand.Reader, bits)
		if err != nil {
			t.Fatalf("making a key: %v", err)
		}
		keys = append(keys, key)
	}
	taken[top][index] = true
	t.Cleanup(func() {
		mutex.Lock()
		defer mutex.Unlock()
		taken[top][index] = false
	})
	return keys[index]
}

// free returns the first index that is not taken.
func free(taken []bool) int {
	for index, one := range taken {
		if !one {
			return index
		}
	}
	return len(taken)
}

// Maker returns a function that returns another key of the test with each call.
func Maker(t testing.TB) func() (*rsa.PrivateKey, error) {
	return func() (*rsa.PrivateKey, error) { return RSA(t), nil }
}
