package validator

import (
	"fmt"
	"strings"
	"testing"

	"github.com/caddy-jwt-session/caddy-jwt-session/sessions"
)

// browserCookies is what a browser sends: our two cookies among those of others.
func browserCookies(token string) []string {
	return []string{"_ga=GA1.2.1234567890.1700000000; csrftoken=Zk3J9x0aPq; sid=" + testSessionID +
		"; theme=dark; __Host-jwt_shop=" + token + "; consent=yes"}
}

func benchSetup(b *testing.B) (Minter, sessions.Session, SessionCredential, string) {
	b.Helper()
	credential := credentialOf(b, "sid="+testSessionID, "sid")
	session := testSession(credential)
	session.Attributes = nil
	minter := testMinter(mustSet(b, mustKey(b, "a"), mustKey(b, "b")))
	return minter, session, credential, mint(b, minter, session, credential)
}

func benchVerify(b *testing.B, cache *Cache, text string, want Reason) {
	b.Helper()
	minter, _, _, _ := benchSetup(b)
	verifier, credential, route := NewVerifier(NewKeyRing(minter.Keys), cache), tokenOf(text), testRoute()
	b.ReportAllocs()
	for b.Loop() {
		if got := verifier.Verify(credential, testNow, route); got.Reason != want {
			b.Fatalf("got %q", got.Reason)
		}
	}
}

func BenchmarkVerifySeenBefore(b *testing.B) {
	_, _, _, text := benchSetup(b)
	benchVerify(b, NewCache(1000), text, "")
}

func BenchmarkVerifyFirstSight(b *testing.B) {
	_, _, _, text := benchSetup(b)
	benchVerify(b, nil, text, "")
}

func BenchmarkRefuseBadSignature(b *testing.B) {
	_, _, _, text := benchSetup(b)
	parts := strings.Split(text, ".")
	benchVerify(b, NewCache(1000), parts[0]+"."+parts[1]+"."+encode64(make([]byte, 32)), TokenBadSignature)
}

func BenchmarkRefuseMalformed(b *testing.B) {
	for name, text := range map[string]string{
		"short": "abc", "header": forge(`{"alg":"none"}`, "{}"), "8KiB": strings.Repeat("A", MaxTokenBytes-4) + ".A.A",
	} {
		b.Run(name, func(b *testing.B) { benchVerify(b, NewCache(1000), text, TokenMalformed) })
	}
}

func BenchmarkMint(b *testing.B) {
	for _, attributes := range []int{0, 5} {
		b.Run(fmt.Sprintf("attributes=%d", attributes), func(b *testing.B) {
			minter, session, credential, _ := benchSetup(b)
			session.Attributes = make(sessions.Attributes)
			for i := range attributes {
				session.Attributes[fmt.Sprint("attribute", i)] = sessions.Text("a value")
			}
			b.ReportAllocs()
			for b.Loop() {
				if _, err := minter.Mint(session, credential, testNow); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkReadCredentials(b *testing.B) {
	_, _, _, text := benchSetup(b)
	lines := browserCookies(text)
	names := mustSessionCookies(b, "sid")
	b.ReportAllocs()
	for b.Loop() {
		cookies, err := ScanCookies(lines)
		if err != nil {
			b.Fatal(err)
		}
		session, token := names.Read(cookies), ReadToken(cookies, "__Host-jwt_shop")
		if session.Presence != Present || token.Presence != Present {
			b.Fatal("not found")
		}
	}
}

func BenchmarkDropCookies(b *testing.B) {
	_, _, _, text := benchSetup(b)
	lines := browserCookies(text)
	b.ReportAllocs()
	for b.Loop() {
		if got := DropCookies(lines, func(name string) bool { return name == "__Host-jwt_shop" }); len(got) != 1 {
			b.Fatal("dropped too much")
		}
	}
}

func BenchmarkDecide(b *testing.B) {
	_, _, credential, _ := benchSetup(b)
	evidence := Evidence{Mode: Mixed, Token: TokenUsable, Binding: SameSession, Cookies: credential}
	b.ReportAllocs()
	for b.Loop() {
		if _, ok := Decide(evidence).(ByToken); !ok {
			b.Fatal("not by token")
		}
	}
}

// The whole token path of a request, without what a server adds.
func BenchmarkTokenPath(b *testing.B) {
	minter, _, _, text := benchSetup(b)
	verifier, route, lines := NewVerifier(NewKeyRing(minter.Keys), NewCache(1000)), testRoute(), browserCookies(text)
	names := mustSessionCookies(b, "sid")
	b.ReportAllocs()
	for b.Loop() {
		cookies, err := ScanCookies(lines)
		if err != nil {
			b.Fatal(err)
		}
		session := names.Read(cookies)
		token := verifier.Verify(ReadToken(cookies, "__Host-jwt_shop"), testNow, route)
		evidence := Evidence{Mode: Mixed, Token: token.State, Binding: Bind(token, session), Cookies: session, Session: NotAsked}
		if _, ok := Decide(evidence).(ByToken); !ok {
			b.Fatal("not by token")
		}
	}
}
