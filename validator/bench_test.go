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

// benchForms runs the benchmark with a minter for each algorithm, and for encrypted tokens.
func benchForms(b *testing.B, run func(b *testing.B, minter Minter)) {
	b.Helper()
	for _, algorithm := range ours {
		key, _ := generate(b, algorithm)
		minter := testMinter(mustSet(b, key))
		b.Run(string(algorithm), func(b *testing.B) { run(b, minter) })
	}
	minter := testMinter(mustSet(b, mustKey(b, "a")))
	minter.Encrypt = true
	b.Run("HS256-encrypted", func(b *testing.B) { run(b, minter) })
}

func benchVerifyForms(b *testing.B, cache *Cache) {
	b.Helper()
	_, session, credential, _ := benchSetup(b)
	benchForms(b, func(b *testing.B, minter Minter) {
		verifier, token := NewVerifier(NewKeyRing(minter.Keys), cache), tokenOf(mint(b, minter, session, credential))
		route := testRoute()
		route.Encrypted = minter.Encrypt
		b.ReportAllocs()
		for b.Loop() {
			if got := verifier.Verify(token, testNow, route); got.State != TokenUsable {
				b.Fatalf("got %q", got.Reason)
			}
		}
	})
}

func BenchmarkVerifySeenBefore(b *testing.B) { benchVerifyForms(b, NewCache(1000)) }

func BenchmarkVerifyFirstSight(b *testing.B) { benchVerifyForms(b, nil) }

func BenchmarkMintWith(b *testing.B) {
	_, session, credential, _ := benchSetup(b)
	benchForms(b, func(b *testing.B, minter Minter) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := minter.Mint(session, credential, testNow); err != nil {
				b.Fatal(err)
			}
		}
	})
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

// Requests with many different tokens at a time, all of which are remembered.
func BenchmarkCacheParallel(b *testing.B) {
	cache := NewCache(10_000)
	texts := make([]string, 4096)
	for i := range texts {
		texts[i] = strings.Repeat("A", 300) + fmt.Sprint(i)
		cache.put(texts[i], verified{claims: &Claims{}})
	}
	b.ReportAllocs()
	b.ResetTimer()
	b.RunParallel(func(each *testing.PB) {
		for i := 0; each.Next(); i++ {
			if _, ok := cache.get(texts[i%len(texts)]); !ok {
				b.Error("forgotten")
			}
		}
	})
}

// The same with so many that each takes the place of another.
func BenchmarkCacheParallelFull(b *testing.B) {
	cache := NewCache(1000)
	texts := make([]string, 4096)
	for i := range texts {
		texts[i] = strings.Repeat("A", 300) + fmt.Sprint(i)
	}
	claims := new(Claims)
	b.ReportAllocs()
	b.ResetTimer()
	b.RunParallel(func(each *testing.PB) {
		for i := 0; each.Next(); i++ {
			cache.put(texts[i%len(texts)], verified{claims: claims})
		}
	})
}
