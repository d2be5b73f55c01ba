package validator

import (
	"strings"
	"testing"
)

func TestReadCompact(t *testing.T) {
	good := forge(testHeader, payloadOf(t, nil))
	parts := strings.Split(good, ".")
	got, reason := ourForm.read(good)
	if reason != "" {
		t.Fatalf("refused: %q", reason)
	}
	if got.header != (joseHeader{algorithm: "HS256", keyID: "a", kind: "JWT"}) {
		t.Errorf("got header %+v", got.header)
	}
	if got.signed != parts[0]+"."+parts[1] {
		t.Error("what is verified is not the text as it came")
	}
	if encode64(got.payload) != parts[1] || encode64(got.signature) != parts[2] {
		t.Error("payload or signature are not those of the text")
	}
	long := strings.Repeat("a", maxHeaderMember)
	got, reason = ourForm.read(forge(`{"alg":"HS256","kid":"`+long+`","typ":"JWT"}`, "{}"))
	if reason != "" || got.header.keyID != long {
		t.Errorf("a key id of %d characters is refused: %q", maxHeaderMember, reason)
	}
}

// A reason comes alone: nothing of a refused text is returned.
func checkCompact(t *testing.T, text string) {
	t.Helper()
	got, reason := ourForm.read(text)
	switch reason {
	case "":
	case TokenMalformed, TokenTooLarge:
		if got.signed != "" || got.payload != nil || got.signature != nil || got.header != (joseHeader{}) {
			t.Fatalf("something beside the reason %q", reason)
		}
		if (reason == TokenTooLarge) != (len(text) > MaxTokenBytes) {
			t.Fatalf("%d bytes are %q", len(text), reason)
		}
		return
	default:
		t.Fatalf("the gate says %q", reason)
	}
	header, _, _ := strings.Cut(text, ".")
	again := encode64(decode64(t, header)) + "." + encode64(got.payload) + "." + encode64(got.signature)
	if again != text || !strings.HasPrefix(text, got.signed+".") {
		t.Fatalf("accepted, but its one spelling is %q", again)
	}
	if got.header.algorithm == "" || got.header.keyID == "" || len(got.signature) == 0 {
		t.Fatalf("accepted with an empty part: %+v", got.header)
	}
}

// A header that is known by its text says what reading it says, whatever the id of the key.
func TestKnownHeaderIsTheOneThatIsRead(t *testing.T) {
	for _, id := range []string{"a", `"`, `\`, "<&>", "~", "{}", strings.Repeat("k", maxHeaderMember)} {
		for _, algorithm := range ours {
			made, _ := generate(t, algorithm)
			key := must(NewKey(algorithm, id, made.hidden().private))
			keys := mustSet(t, key).verifying
			header := key.hidden().header
			got, known := keys.header(header)
			want, ok := ourForm.readHeader(header)
			if !known || !ok || got != want {
				t.Errorf("%s %q: known as %+v, %v; read as %+v, %v", algorithm, id, got, known, want, ok)
			}
			for _, other := range []string{"", header + "A", header[1:], newHeader(algorithm, id, "at+jwt")} {
				if got, known := keys.header(other); known {
					t.Errorf("%s %q: another header is known as %+v", algorithm, id, got)
				}
			}
		}
	}
	if _, known := (verificationKeys{{id: "a", algorithm: HS256}}).header(""); known {
		t.Error("the header of another's key is known")
	}
}

// oldBase64 reads a text as the gate did before it left the alphabet to the decoder.
func oldBase64(text string) ([]byte, bool) {
	if !onlyBase64(text) {
		return nil, false
	}
	decoded, err := strictBase64.DecodeString(text)
	return decoded, err == nil
}

func checkBase64(t *testing.T, text string) {
	t.Helper()
	got, ok := appendBase64([]byte("before"), text)
	want, wantOK := oldBase64(text)
	if ok != wantOK || ok && string(got) != "before"+string(want) {
		t.Errorf("%q is %q, %v; want %q, %v", text, got, ok, want, wantOK)
	}
}

// The decoder refuses every byte outside the alphabet but line breaks, wherever it stands: it reads eight characters at a time
// where it can, and the last ones one by one.
func TestBase64AtEveryPlace(t *testing.T) {
	for length := range 20 {
		text := []byte(strings.Repeat("Aa0-_zZ9", 3)[:length])
		for place := range text {
			kept := text[place]
			for char := range 256 {
				text[place] = byte(char)
				checkBase64(t, string(text))
			}
			text[place] = kept
		}
		checkBase64(t, string(text))
	}
}

func FuzzBase64(f *testing.F) {
	for _, seed := range []string{"", "AA", "AB", "AA==", "AA=", "A", "\n", "AA\n", "A\rA", "AAAAAAA\nA", "AAAAAAAA\r\n", "AA.AA", "+/", "AAAA\xff"} {
		f.Add(seed)
	}
	f.Fuzz(checkBase64)
}

func FuzzReadCompact(f *testing.F) {
	payload := payloadOf(f, nil)
	good := forge(testHeader, payload)
	f.Add(good)
	f.Add(" " + good + "\n")
	f.Add(good + "=")
	f.Add("..")
	f.Add(forge(`{"alg":"none","kid":"a","typ":"JWT"}`, payload))
	f.Add(forge(`{"alg":"HS256","kid":"a","typ":"JWT","crit":[]}`, payload))
	f.Add(forge(`{"alg":"HS256","kid":"a","kid":"b","typ":"JWT"}`, payload))
	f.Add(`{"payload":"e30","protected":"e30","signature":"AA"}`)
	f.Add(strings.Repeat("A", MaxTokenBytes+1))
	verifier := NewVerifier(NewKeyRing(mustSet(f, mustKey(f, "a"))), nil)
	f.Fuzz(func(t *testing.T, text string) {
		checkCompact(t, text)
		// The fuzzer seldom finds base64 of a header, so the text is tried as one too, and as a payload.
		checkCompact(t, encode64([]byte(text))+".e30.AA")
		token := forge(testHeader, text)
		checkCompact(t, token)
		if got := verifier.Verify(tokenOf(token), testNow, testRoute()); (got.State == TokenUsable) != (got.Reason == "") ||
			got.Claims == nil && got.State != TokenUnusable || got.Claims != nil && got.State == TokenUnusable {
			t.Fatalf("got state %d, reason %q", got.State, got.Reason)
		}
	})
}
