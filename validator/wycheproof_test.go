package validator

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// The test vectors for JOSE of Project Wycheproof, against the layer that verifies signatures: the gate, the reading of
// keys, and the check. Their payloads are no claims and their headers have no typ, so that the form of the tokens is a
// parameter here; all else is as it is for our own.

const wycheproofModule = "github.com/C2SP/wycheproof@v0.0.0-20250901140545-b51abcfb8daf"

// wycheproofVectors is how many there are in each file. All are run.
var wycheproofVectors = map[string]int{
	"json_web_signature_test.json":  401,
	"json_web_encryption_test.json": 139,
	"json_web_crypto_test.json":     83,
	"json_web_key_test.json":        26,
}

// wycheproofExceptions are the vectors of the file json_web_signature_test.json whose result we don't share.
var wycheproofExceptions = map[int]struct {
	accept bool
	why    string
}{
	367: {true, "byte for byte the same as 357, which is valid"},
	370: {true, "byte for byte the same as 357, which is valid"},
	372: {false, "there is a question mark in it, which is not in the alphabet"},
	373: {false, "there is a question mark in it, which is not in the alphabet"},
	346: {false, "its alg is not that of the key"},
	347: {false, "its alg is not that of the key"},
	350: {false, "its alg is not that of the key"},
	351: {false, "its key is for ES521, which is no algorithm"},
}

// wycheproofFile is what is read of a file.
type wycheproofFile struct {
	NumberOfTests int `json:"numberOfTests"`
	TestGroups    []struct {
		Private json.RawMessage    `json:"private"`
		Public  json.RawMessage    `json:"public"`
		Tests   []wycheproofVector `json:"tests"`
	} `json:"testGroups"`
}

type wycheproofVector struct {
	ID      int             `json:"tcId"`
	Comment string          `json:"comment"`
	JWS     json.RawMessage `json:"jws"`
	JWE     json.RawMessage `json:"jwe"`
	Result  string          `json:"result"`
}

// text returns what is to be verified: a JSON object, where there is one in the place of a string, as it stands.
func (v wycheproofVector) text(t *testing.T) string {
	t.Helper()
	raw := v.JWS
	if raw == nil {
		raw = v.JWE
	}
	if bytes.HasPrefix(raw, []byte("{")) {
		return string(raw)
	}
	var text string
	if err := json.Unmarshal(raw, &text); err != nil {
		t.Fatalf("vector %d: %v", v.ID, err)
	}
	return text
}

// accept is what we expect of the vector.
func (v wycheproofVector) accept(t *testing.T, file string) bool {
	t.Helper()
	if file == "json_web_signature_test.json" {
		if exception, ok := wycheproofExceptions[v.ID]; ok {
			if (v.Result == "valid") == exception.accept {
				t.Errorf("vector %d is no exception", v.ID)
			}
			return exception.accept
		}
	}
	// What is encrypted is no JWS, whatever is in it.
	return v.Result == "valid" && v.JWE == nil
}

func TestWycheproof(t *testing.T) {
	folder := wycheproofFolder(t)
	form := ourForm
	form.kinds, form.algorithms = []string{""}, everyAlgorithm
	total, accepted := 0, 0
	for name, want := range wycheproofVectors {
		text, err := os.ReadFile(filepath.Join(folder, name))
		if err != nil {
			t.Fatal(err)
		}
		var file wycheproofFile
		if err := json.Unmarshal(text, &file); err != nil {
			t.Fatal(err)
		}
		count := 0
		for _, group := range file.TestGroups {
			text := group.Public
			if text == nil {
				text = group.Private
			}
			// Keys that must not be used verify nothing.
			keys, loading := readVerificationKeys(text, everyAlgorithm)
			for _, vector := range group.Tests {
				count++
				_, _, reason := keys.verify(vector.text(t), form)
				if want := vector.accept(t, name); (reason == "") != want {
					t.Errorf("%s %d (%s): reason %q, keys: %v; want it accepted: %v",
						name, vector.ID, vector.Comment, reason, loading, want)
				}
				if reason == "" {
					accepted++
				}
			}
		}
		if count != want || count != file.NumberOfTests {
			t.Errorf("%s: %d vectors, want %d", name, count, want)
		}
		total += count
	}
	t.Logf("%d vectors, %d accepted", total, accepted)
	if total != 649 || accepted == 0 {
		t.Errorf("%d vectors, %d accepted; want 649, and some accepted", total, accepted)
	}
}

// wycheproofFolder returns where the vectors are. Nothing of them is copied into this project: Go's checksum database
// vouches for them.
func wycheproofFolder(t *testing.T) string {
	t.Helper()
	output, err := exec.CommandContext(t.Context(), "go", "mod", "download", "-json", wycheproofModule).Output()
	var module struct{ Dir, Error string }
	if jsonErr := json.Unmarshal(output, &module); err != nil || jsonErr != nil || module.Dir == "" {
		if os.Getenv("REQUIRE_APPS") == "1" {
			t.Fatalf("downloading %s: %v, %s", wycheproofModule, err, module.Error)
		}
		t.Skipf("the test vectors of Wycheproof can't be downloaded here: %v, %s", err, module.Error)
	}
	return filepath.Join(module.Dir, "testvectors_v1")
}

// everyAlgorithm are those that the layer knows.
var everyAlgorithm = []Algorithm{
	HS256, hs384, hs512, ES256, es384, es512, EdDSA, RS256, rs384, rs512, ps256, ps384, ps512,
}
