package jwtsession_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/caddy-jwt-session/caddy-jwt-session/internal/harness"
	"github.com/caddy-jwt-session/caddy-jwt-session/request/identity"
	"github.com/caddy-jwt-session/caddy-jwt-session/sessions"
)

// pairedApp is an application whose session is two cookies: id, and one whose name begins with key-. It knows one session.
type pairedApp struct {
	*harness.Gateway

	id, name, key string // of the session; the name is all of it
}

func newPairedApp(t *testing.T, directive string) *pairedApp {
	t.Helper()
	p := &pairedApp{id: "one-884c7d65", name: "key-7", key: "two-884c7d65"}
	p.Gateway = harness.NewWith(t, harness.Options{Site: `jwt_session shop {
		session_cookie id key-*
		whoami /whoami json user
		` + directive + `
	}
	request_header X-Via {http.jwt_session.via}
	reverse_proxy LEGACY`})
	p.Legacy.RespondWhoami(func(w http.ResponseWriter, r *http.Request) bool {
		w.Header().Set("Cache-Control", "no-store")
		user := "null"
		id, errID := r.Cookie("id")
		key, errKey := r.Cookie(p.name)
		if errID == nil && errKey == nil && id.Value == p.id && key.Value == p.key {
			user = `"alice"`
		}
		_, _ = fmt.Fprintf(w, `{"user": %s}`, user)
		return true
	})
	return p
}

func (p *pairedApp) pair() string { return "id=" + p.id + "; " + p.name + "=" + p.key }

// visit sends a request with these cookies, and returns what came of it, and the token that was set.
func (p *pairedApp) visit(path, cookies string) (harness.Reply, string) {
	p.Helper()
	b := p.Browser()
	response := b.Get(path, "Cookie: "+cookies)
	return response, b.Cookies[harness.TokenName]
}

// via says what spoke for the user, or the reason of the refusal as the challenge gives it.
func via(response harness.Reply) string {
	if response.Received != nil {
		return response.Received.Header.Get("X-Via")
	}
	return fmt.Sprint(response.StatusCode)
}

// A session of several cookies is all of them: a part is none, and so are two that could be the same one.
func TestSessionOfSeveralCookies(t *testing.T) {
	t.Parallel()
	p := newPairedApp(t, "")
	first, token := p.visit("/page", p.pair())
	if via(first) != identity.ViaSession || token == "" {
		t.Fatalf("%s, token %t", via(first), token != "")
	}
	asked := p.Legacy.Questions()
	token = "; " + harness.TokenName + "=" + token
	for _, test := range []struct {
		name, cookies, via string
		cleared            bool
	}{
		{"the whole set", "id=one-884c7d65; key-7=two-884c7d65" + token, identity.ViaToken, false},
		{"in another order", "key-7=two-884c7d65; a=b; id=one-884c7d65" + token, identity.ViaToken, false},
		{"the same cookie twice", "id=one-884c7d65; key-7=two-884c7d65; id=one-884c7d65; key-7=two-884c7d65" + token, identity.ViaToken, false},
		{"the first alone", "id=one-884c7d65" + token, "401", true},
		{"the second alone", "key-7=two-884c7d65" + token, "401", true},
		{"the second empty", "id=one-884c7d65; key-7=" + token, "401", true},
		{"none of them", "a=b" + token, "401", false},
		{"two that match the pattern", "id=one-884c7d65; key-7=two-884c7d65; key-8=two-884c7d65" + token, "401", true},
		{"two that match, one of them empty", "id=one-884c7d65; key-7=two-884c7d65; key-8=" + token, "401", true},
		{"two values of the first", "id=one-884c7d65; id=eins-884c7d65; key-7=two-884c7d65" + token, "401", true},
		{"two values of the second", "id=one-884c7d65; key-7=zwei-884c7d65; key-7=two-884c7d65" + token, "401", true},
		{"values exchanged", "id=two-884c7d65; key-7=one-884c7d65" + token, "401", true},
		{"another name for the pattern", "id=one-884c7d65; key-8=two-884c7d65" + token, "401", true},
		{"a name in another case", "ID=one-884c7d65; key-7=two-884c7d65" + token, "401", true},
		{"the pattern's beginning alone", "id=one-884c7d65; key=two-884c7d65" + token, "401", true},
		{"the first alone, no token", "id=one-884c7d65", "401", false},
		{"two that match the pattern, no token", "id=one-884c7d65; key-7=two-884c7d65; key-8=two-884c7d65", "401", false},
	} {
		response, _ := p.visit("/page", test.cookies)
		if got := via(response); got != test.via || (response.TokenSet() == "cleared") != test.cleared || response.TokenSet() == "set" {
			t.Errorf("%s: %s, token %q; want %s, cleared %t", test.name, got, response.TokenSet(), test.via, test.cleared)
		}
	}
	// Only whole sets are asked about: exchanged values and another name.
	if got := p.Legacy.Questions() - asked; got != 2 {
		t.Errorf("the application was asked %d times more", got)
	}
}

// The order in which the cookies come does not make another session, nor does it for the admin API.
func TestSessionSetHasOneHash(t *testing.T) {
	p := newPairedApp(t, "")
	p.visit("/page", "key-7=two-884c7d65; id=one-884c7d65")
	key := sessions.Key{Realm: "shop", Hash: sessions.HashOf("id=one-884c7d65\nkey-7=two-884c7d65")}
	if _, active, err := p.App.Opened().Ledger.Active(t.Context(), key); !active || err != nil {
		t.Errorf("there is no session of that hash: %v", err)
	}
	if reply := harness.AdminPost(t, "sessions/end", `{"realm": "shop", "session": {"key-7": "two-884c7d65", "id": "one-884c7d65"}}`); reply.Status != http.StatusOK {
		t.Errorf("status %d: %s", reply.Status, reply.Text)
	}
	if _, active, _ := p.App.Opened().Ledger.Active(t.Context(), key); active {
		t.Error("the admin API ended another session")
	}
}

// A change of one part is a change of the whole: the session is ended, its token is dead, and what comes next is asked.
func TestSessionSetEndsWithEachPart(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, line string
		ends       bool
	}{
		{"the first is rotated", "id=eins-884c7d65; Path=/", true},
		{"the second is rotated", "key-7=zwei-884c7d65; Path=/", true},
		{"the first is deleted", "id=; Path=/; Max-Age=0", true},
		{"the second is deleted", "key-7=two-884c7d65; Path=/; Expires=Thu, 01 Jan 1970 00:00:00 GMT", true},
		{"another match of the pattern is set", "key-8=two-884c7d65; Path=/", true},
		{"the first is repeated", "id=one-884c7d65; Path=/", false},
		{"the second is repeated", "key-7=two-884c7d65; Path=/", false},
		{"one that is none of them", "key=other; Path=/", false},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := newPairedApp(t, "")
			_, token := p.visit("/page", p.pair())
			cookies := p.pair() + "; " + harness.TokenName + "=" + token
			p.Legacy.Respond(func(w http.ResponseWriter, r *http.Request) bool {
				if r.URL.Path == "/change" {
					w.Header().Set("Set-Cookie", test.line)
				}
				return false
			})
			change, _ := p.visit("/change", cookies)
			if via(change) != identity.ViaToken || (change.TokenSet() == "cleared") != test.ends {
				t.Errorf("the change: %s, token %q", via(change), change.TokenSet())
			}
			want := identity.ViaToken
			if test.ends {
				want = identity.ViaSession // the application still knows it here, so it is learned anew
			}
			asked := p.Legacy.Questions()
			if after, _ := p.visit("/page", cookies); via(after) != want {
				t.Errorf("afterwards: %s, want %s", via(after), want)
			}
			if got := p.Legacy.Questions() > asked; got != test.ends {
				t.Errorf("the application was asked: %t", got)
			}
		})
	}
}

// A token stands for all cookies of its session together, never for the missing part of one.
func TestSessionSetIsRestoredWhole(t *testing.T) {
	t.Parallel()
	p := newPairedApp(t, "restore_session on")
	_, token := p.visit("/page", p.pair())
	restored, _ := p.visit("/page", "a=b; "+harness.TokenName+"="+token)
	if got := restored.Received.Sent(t); got != "a=b; id=one-884c7d65; key-7=two-884c7d65" {
		t.Errorf("the application got %q", got)
	}
	for _, part := range []string{"id=one-884c7d65", "key-7=two-884c7d65", "id=one-884c7d65; key-8=two-884c7d65; key-7=two-884c7d65"} {
		if response, _ := p.visit("/page", part+"; "+harness.TokenName+"="+token); response.Received != nil {
			t.Errorf("a part with the token: %s", via(response))
		}
	}
}

// The rotated set is a session of its own: it is asked about, and gets a token of its own.
func TestSessionSetRotates(t *testing.T) {
	t.Parallel()
	p := newPairedApp(t, "")
	_, before := p.visit("/page", p.pair())
	p.Legacy.Respond(func(w http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path == "/rotate" {
			p.key = "three-884c7d65"
			w.Header().Set("Set-Cookie", "key-7=three-884c7d65; Path=/")
		}
		return false
	})
	p.visit("/rotate", p.pair()+"; "+harness.TokenName+"="+before)
	p.Clock.Advance(time.Second)
	if response, _ := p.visit("/page", "id=one-884c7d65; key-7=two-884c7d65; "+harness.TokenName+"="+before); response.Received != nil {
		t.Errorf("the set from before: %s", via(response))
	}
	response, after := p.visit("/page", p.pair()+"; "+harness.TokenName+"="+before)
	if via(response) != identity.ViaSession || after == "" || after == before {
		t.Errorf("the new set: %s", via(response))
	}
	if strings.Contains(p.Logged(), "three-884c7d65") {
		t.Error("a part of the session id is in the log")
	}
	if response, _ := p.visit("/page", p.pair()+"; "+harness.TokenName+"="+after); via(response) != identity.ViaToken {
		t.Errorf("the new token: %s", via(response))
	}
}
