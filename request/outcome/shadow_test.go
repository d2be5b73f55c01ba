package outcome

import (
	"testing"
	"time"

	"github.com/caddy-jwt-session/caddy-jwt-session/internal/telemetry"
	"github.com/caddy-jwt-session/caddy-jwt-session/sessions"
	"github.com/caddy-jwt-session/caddy-jwt-session/validator"
)

func TestCompareShadow(t *testing.T) {
	session := sessions.Session{User: "alice", Attributes: sessions.Attributes{"role": sessions.Text("customer")}}
	token := func(user string) validator.Token {
		claims, reason := mintedFor(t, user)
		if reason != "" {
			t.Fatal(reason)
		}
		return validator.Token{State: validator.TokenUsable, Claims: claims}
	}
	for _, c := range []struct {
		name    string
		token   validator.Token
		binding validator.Binding
		verdict validator.Verdict
		session sessions.Session
		want    telemetry.Mismatch
	}{
		{"agreement", token("alice"), validator.SameSession, validator.BySession{}, sessions.Session{User: "alice"}, ""},
		{"another user", token("bob"), validator.SameSession, validator.BySession{}, sessions.Session{User: "alice"}, telemetry.MismatchUser},
		{"other attributes", token("alice"), validator.SameSession, validator.BySession{}, session, telemetry.MismatchAttributes},
		{"signed out", token("alice"), validator.SameSession, validator.Unauthenticated{}, sessions.Session{}, telemetry.MismatchSignedOut},
		{"could not tell", token("alice"), validator.SameSession, validator.CouldNotTell{}, sessions.Session{}, telemetry.MismatchUndetermined},
		{"no token", validator.Token{State: validator.TokenAbsent}, validator.SameSession, validator.BySession{}, session, ""},
		{"a token of another session", token("bob"), validator.OtherSession, validator.BySession{}, session, ""},
		{"no verdict", token("alice"), validator.SameSession, nil, sessions.Session{}, telemetry.MismatchSignedOut},
	} {
		if got := compare(c.token, c.binding, c.verdict, c.session); got != c.want {
			t.Errorf("%s: got %q, want %q", c.name, got, c.want)
		}
	}
}

// mintedFor returns the claims of a token of the user.
func mintedFor(t *testing.T, user string) (*validator.Claims, validator.Reason) {
	t.Helper()
	key, err := validator.NewSecretKey("test", []byte("32 bytes of a secret for a test!"))
	if err != nil {
		t.Fatal(err)
	}
	keys, err := validator.NewKeySet(key)
	if err != nil {
		t.Fatal(err)
	}
	now, id := time.Now(), validator.Cookies{{Name: "session", Value: "0123456789abcdef"}}
	names, err := validator.NewSessionCookies("session")
	if err != nil {
		t.Fatal(err)
	}
	credential := names.Read(id)
	token, err := validator.Minter{Keys: keys, Lifetime: time.Minute}.Mint(sessions.Session{
		Key: sessions.Key{Realm: "shop", Hash: credential.Hash}, User: user, AuthTime: now.Unix(), Confirmed: now,
		Ends: now.Add(time.Hour), Expires: now.Add(time.Hour),
	}, credential, now)
	if err != nil {
		t.Fatal(err)
	}
	return validator.NewVerifier(validator.NewKeyRing(keys), nil).Authenticate(token)
}
