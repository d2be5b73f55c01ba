package ledger_test

import (
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/caddy-jwt-session/caddy-jwt-session/ledger"
	"github.com/caddy-jwt-session/caddy-jwt-session/sessions"
	"github.com/caddy-jwt-session/caddy-jwt-session/sessions/badgerstore"
)

// What was settled is still so after the store was closed and opened again.
func TestSettledOnDisk(t *testing.T) {
	directory := t.TempDir()
	open := func() *ledger.Ledger {
		storage, err := badgerstore.Open(directory, zap.NewNop())
		if err != nil {
			t.Fatal(err)
		}
		opened, err := ledger.Open(t.Context(), storage, ledger.Options{Report: func(err error) { t.Error(err) }})
		if err != nil {
			t.Fatal(err)
		}
		opened.Retain(time.Minute, 0)
		return opened
	}
	key := sessions.Key{Realm: "shop", Hash: sessions.HashOf("one")}
	learn := func(l *ledger.Ledger, user string) sessions.Session {
		session, err := l.Ask(key).Identified(t.Context(), ledger.Identity{User: user},
			ledger.Lifetimes{Idle: time.Hour, MaxAge: time.Hour})
		if err != nil {
			t.Fatal(err)
		}
		return session
	}

	l := open()
	ann := learn(l, "ann")
	if ended, err := l.End(t.Context(), key, 0); !ended || err != nil {
		t.Fatalf("End: %v, %v", ended, err)
	}
	bob := learn(l, "bob")
	if err := l.RevokeToken(t.Context(), "jti", time.Now().Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}

	l = open()
	defer func() { _ = l.Close() }()
	for _, token := range []struct {
		jti      string
		authTime int64
		cause    ledger.Cause
	}{{"another", ann.AuthTime, ledger.Ended}, {"jti", bob.AuthTime, ledger.Revoked}, {"another", bob.AuthTime, 0}} {
		dead, cause := l.TokenDead(ledger.SubjectsOf(token.jti, key, "ann"), token.authTime)
		if cause != token.cause || dead != (token.cause != 0) {
			t.Errorf("token %s of %d: dead %v, cause %d; want %d", token.jti, token.authTime, dead, cause, token.cause)
		}
	}
	session, active, err := l.Active(t.Context(), key)
	if err != nil || !active || session.User != "bob" || session.AuthTime != bob.AuthTime {
		t.Errorf("Active: %+v, %v, %v", session, active, err)
	}
}
