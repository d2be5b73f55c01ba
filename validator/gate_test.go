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
