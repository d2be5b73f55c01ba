package validator

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/caddy-jwt-session/caddy-jwt-session/sessions"
)

// Text forms end up in logs. None shows a token, a cookie, a key or a session id, also where the value sits in a field
// that fmt reads past its methods.
func TestNoTextFormTellsSecrets(t *testing.T) {
	const id = "6f1ed002ab5595859014ebf0951522d9"
	key := mustKey(t, "a")
	keys := mustSet(t, key, mustKey(t, "b"))
	session := credentialOf(t, "sid="+id, "sid")
	set := credentialOf(t, "sid="+id+"; user="+id, "sid", "user")
	minter := testMinter(keys)
	text := mint(t, minter, testSession(session), session)
	token := ReadToken(mustScan(t, []string{"jwt=" + text}), "jwt")
	verifier := NewVerifier(NewKeyRing(keys), NewCache(1))
	verified := verifier.Verify(token, testNow, testRoute())
	if verified.State != TokenUsable {
		t.Fatalf("the control is refused: %q", verified.Reason)
	}
	compact, _ := ourForm.read(text)
	sealed := decodeToken(t, "a", text).claims["sid"].(string)

	values := map[string]any{
		"Key": key, "*Key": &key, "KeySet": keys, "Minter": minter, "*Minter": &minter, "Verifier": verifier,
		"KeyRing": NewKeyRing(keys), "what verifies": keys.verifying,
		"TokenCredential": token, "*TokenCredential": &token, "SessionCredential": session, "*SessionCredential": &session,
		"a set": set, "Claims": verified.Claims, "Token": verified,
		"Evidence": Evidence{Mode: Mixed, Token: verified.State, Cookies: session},
		"in unexported fields": struct {
			key     Key
			keys    KeySet
			token   TokenCredential
			session SessionCredential
			set     SessionCredential
			minter  Minter
			deep    []any
			foreign verificationKeys
		}{key, *keys, token, session, set, minter, []any{key, token, session, &token}, keys.verifying},
	}
	secrets := secretForms(map[string][]byte{
		"secret": secretOf("a"), "secret of the other key": secretOf("b"), "derived secret": sealingSecret(t, secretOf("a")),
		"secret of states": stateSecret(t, key),
		"session id":       []byte(id), "token": []byte(text), "sealed session id": []byte(sealed),
		"signature": compact.signature,
	})
	for name, value := range values {
		for form, printed := range textForms(t, value) {
			for secret, spelled := range secrets {
				if strings.Contains(strings.ToLower(printed), strings.ToLower(spelled)) {
					t.Errorf("%s by %s shows the %s", name, form, secret)
				}
			}
		}
	}
	// fmt prints the expanded sealing key in words of its own; that it prints none is seen by the type's name.
	for form, printed := range textForms(t, values["in unexported fields"]) {
		if strings.Contains(printed, "gcm") || strings.Contains(printed, "keyMaterial{") {
			t.Errorf("%s goes into the key material", form)
		}
	}
	// The control: the search finds what a plain struct shows.
	for form, printed := range textForms(t, struct{ Text string }{id}) {
		found := false
		for _, spelled := range secretForms(map[string][]byte{"session id": []byte(id)}) {
			found = found || strings.Contains(strings.ToLower(printed), spelled)
		}
		if !found {
			t.Errorf("%s does not print what it should: %s", form, printed)
		}
	}
}

// secretForms returns the beginnings of the secrets as the verbs of fmt and the usual encodings spell them.
func secretForms(secrets map[string][]byte) map[string]string {
	forms := make(map[string]string)
	for name, secret := range secrets {
		start := secret[:12]
		forms[name+" as it is"] = string(start)
		forms[name+" in decimal"] = strings.Trim(fmt.Sprintf("%d", start), "[]")
		forms[name+" in hexadecimal"] = hex.EncodeToString(start)
		forms[name+" in spaced hexadecimal"] = fmt.Sprintf("% x", start)
		forms[name+" in Go's form"] = strings.TrimSuffix(strings.TrimPrefix(fmt.Sprintf("%#v", start), "[]byte{"), "}")
		forms[name+" in base64"] = base64.StdEncoding.EncodeToString(start)
	}
	return forms
}

func textForms(t *testing.T, value any) map[string]string {
	t.Helper()
	forms := make(map[string]string)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "% x", "%d"} {
		forms[verb] = fmt.Sprintf(verb, value)
	}
	if data, err := json.Marshal(value); err == nil {
		forms["json"] = string(data)
	}
	var buffer bytes.Buffer
	slog.New(slog.NewTextHandler(&buffer, nil)).Info("", "value", value)
	forms["slog text"] = buffer.String()
	buffer = bytes.Buffer{}
	slog.New(slog.NewJSONHandler(&buffer, nil)).Info("", "value", value)
	forms["slog json"] = buffer.String()
	return forms
}

func TestTextFormsSayWhatIsKnown(t *testing.T) {
	key := mustKey(t, "a")
	for want, value := range map[string]fmt.Stringer{
		"key a":                                key,
		"token present":                        tokenOf("x"),
		"token absent":                         TokenCredential{Presence: Absent},
		"token unusable":                       TokenCredential{},
		"session present":                      credentialOf(t, "sid=1", "sid"),
		"session absent":                       credentialOf(t, "a=1", "sid"),
		"session unusable: session_ambiguous":  credentialOf(t, "sid=1; sid=2", "sid"),
		"session unusable: session_incomplete": credentialOf(t, "sid=1", "sid", "user"),
	} {
		logged := value.(slog.LogValuer).LogValue().String()
		for _, got := range []string{value.String(), fmt.Sprint(value), fmt.Sprintf("%#v", value), fmt.Sprintf("%d",
			value), logged} {
			if got != want {
				t.Errorf("got %q, want %q", got, want)
			}
		}
	}
	if got := key.GoString(); got != "key a" {
		t.Errorf("got %q", got)
	}
}

// Errors are logged with what they say.
func TestNoErrorTellsSecrets(t *testing.T) {
	const id = "6f1ed002ab5595859014ebf0951522d9"
	short, filler := []byte("0123456789abcdef012345678"), bytes.Repeat([]byte("abcd"), 20)
	_, errShort := NewSecretKey("a", short)
	_, errFiller := NewSecretKey("a", filler)
	_, errID := NewSecretKey("a\n"+id, secretOf("a"))
	_, errTwice := NewKeySet(mustKey(t, "a"), mustKey(t, "a"))
	_, errScan := ScanCookies([]string{"sid=" + id + strings.Repeat(";", 200)})
	credential := credentialOf(t, "sid="+id, "sid")
	minter := testMinter(mustSet(t, mustKey(t, "a")))
	_, errNothing := minter.Mint(sessions.Session{}, credential, testNow)
	stale := testSession(credential)
	stale.Confirmed = testNow.Add(-minter.Lifetime)
	_, errStale := minter.Mint(stale, credential, testNow)
	for _, err := range []error{errShort, errFiller, errID, errTwice, errScan, errNothing, errStale} {
		if err == nil {
			t.Fatal("no error")
		}
		for name, spelled := range secretForms(map[string][]byte{
			"secret": secretOf("a"), "short secret": short, "filler": filler, "session id": []byte(id),
		}) {
			if strings.Contains(err.Error(), spelled) {
				t.Errorf("%q shows the %s", err, name)
			}
		}
	}
}
