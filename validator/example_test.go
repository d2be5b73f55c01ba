package validator_test

import (
	"fmt"
	"log"
	"time"

	"github.com/caddy-jwt-session/caddy-jwt-session/sessions"
	"github.com/caddy-jwt-session/caddy-jwt-session/validator"
)

// Two requests of one browser: the first is decided by its session and brings a token, the second by that token.
func Example() {
	now := time.Date(2030, time.January, 1, 12, 0, 0, 0, time.UTC)
	names, err := validator.NewSessionCookies("sessionid")
	if err != nil {
		log.Fatal(err)
	}
	key, err := validator.NewSecretKey("2030-01", []byte("an example: use 32 random bytes!"))
	if err != nil {
		log.Fatal(err)
	}
	keys, err := validator.NewKeySet(key)
	if err != nil {
		log.Fatal(err)
	}
	verifier := validator.NewVerifier(validator.NewKeyRing(keys), validator.NewCache(1000))
	minter := validator.Minter{Keys: keys, Lifetime: time.Minute}
	route := validator.Route{
		Realm: "shop", Lifetime: time.Minute, Longest: time.Minute,
		Dead: func(*validator.Claims) (validator.Reason, bool) { return "", false }, // nothing was revoked
	}
	// What the application would say of the session.
	lookUp := func(hash sessions.Hash) (sessions.Session, validator.SessionState) {
		return sessions.Session{
			Key: sessions.Key{Realm: "shop", Hash: hash}, User: "alice", AuthTime: now.Unix(),
			Confirmed: now, Ends: now.Add(24 * time.Hour), Expires: now.Add(30 * time.Minute),
		}, validator.Active
	}

	token := ""
	for range 2 {
		cookies, err := validator.ScanCookies([]string{"theme=dark; sessionid=38afes7a8k2p04mdx5rq; jwt=" + token})
		if err != nil {
			log.Fatal(err)
		}
		credential := names.Read(cookies)
		verified := verifier.Verify(validator.ReadToken(cookies, "jwt"), now, route)
		evidence := validator.Evidence{
			Mode: validator.Mixed, Token: verified.State, TokenReason: verified.Reason,
			Binding: validator.Bind(verified, credential), Cookies: credential, Session: validator.NotAsked,
		}
		verdict := validator.Decide(evidence)
		var session sessions.Session
		if _, ask := verdict.(validator.AskSession); ask {
			session, evidence.Session = lookUp(credential.Hash)
			verdict = validator.Decide(evidence)
		}
		switch verdict := verdict.(type) {
		case validator.ByToken:
			fmt.Println("by token:", verified.Claims.Subject())
		case validator.BySession:
			fmt.Println("by session:", session.User)
			if verdict.Token == validator.ReplaceToken {
				if token, err = minter.Mint(session, credential, now); err != nil {
					log.Fatal(err)
				}
			}
		default:
			fmt.Printf("refused: %+v\n", verdict)
		}
	}
	// Output:
	// by session: alice
	// by token: alice
}
