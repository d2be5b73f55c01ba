package chain

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/dgraph-io/badger/v4"

	"github.com/caddy-jwt-session/caddy-jwt-session/bench/application"
	"github.com/caddy-jwt-session/caddy-jwt-session/bench/seed"
)

// revokedFor is how long revocations are in force: longer than any measurement takes.
const revokedFor = 24 * time.Hour

// prepare signs the users in, starts Caddy anew, and returns its server and the cookies of the requests to come.
func prepare(spec Spec) (http.Handler, []jar, error) {
	if err := fill(spec); err != nil {
		return nil, nil, err
	}
	server, err := load(spec)
	if err != nil {
		return nil, nil, err
	}
	jars, err := signIn(newClient(server), spec)
	if err != nil {
		return nil, nil, err
	}
	if err := caddy.Stop(); err != nil {
		return nil, nil, err
	}
	if spec.OnDisk {
		if err := checkTables(spec); err != nil {
			return nil, nil, err
		}
	}
	server, err = load(spec)
	return server, jars, err
}

// fill puts the revocations into a new store.
func fill(spec Spec) error {
	if _, err := os.Stat(spec.store()); err == nil || spec.Revoked == 0 || !spec.ours() {
		return nil
	}
	if err := os.MkdirAll(spec.Dir, 0o700); err != nil {
		return err
	}
	now := time.Now()
	return seed.Revoke(context.Background(), spec.store(), seed.Mixed(spec.Revoked, now, now.Add(revokedFor)))
}

// signIn lets each user send a first request, and returns the cookies that he sends from then on.
func signIn(c *client, spec Spec) ([]jar, error) {
	jars := make([]jar, spec.Users)
	for i := range jars {
		user := i * max(spec.Apart, 1)
		jars[i] = jar{session: application.Session(user)}
		if spec.bare() {
			continue
		}
		var got reply
		c.get(jars[i].String(), &got)
		if got.status != http.StatusOK {
			return nil, fmt.Errorf("signing a user in: status %d", got.status)
		}
		token, _ := got.set(tokenCookie)
		switch spec.With {
		case Nothing, Session:
		case Token, Rolling:
			jars[i].take(&got)
		case Garbage:
			jars[i].token = strings.Repeat("garbage", len(token)/len("garbage"))
		case Forged:
			jars[i].token = forged(token)
		}
		if jars[i].token == "" && spec.With != Nothing && spec.With != Session {
			return nil, errors.New("signing a user in: the answer brings no token")
		}
	}
	return jars, nil
}

// forged returns a token with another signature.
func forged(token string) string {
	at := strings.LastIndexByte(token, '.') + 1
	other := byte('A')
	if token[at] == other {
		other = 'B'
	}
	return token[:at] + string(other) + token[at+1:]
}

// cookies returns the Cookie header of a request with these cookies.
func (s Spec) cookies(of jar) string {
	switch s.With {
	case Nothing:
		return ""
	case Garbage, Forged:
		return tokenCookie + "=" + of.token
	default:
		return of.String()
	}
}

// checkTables returns an error unless the tables of the store hold as many keys as there are users: then a record is read from
// there, since the memory table of a store that was just opened is empty.
func checkTables(spec Spec) (err error) {
	db, err := badger.Open(badger.DefaultOptions(spec.store()).WithReadOnly(true).WithLogger(nil))
	if err != nil {
		return fmt.Errorf("looking at the tables of the store: %w", err)
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	keys := 0
	for _, table := range db.Tables() {
		keys += int(table.KeyCount)
	}
	if keys < spec.Users {
		return fmt.Errorf("the tables of the store hold %d keys: want the records of %d users in them", keys, spec.Users)
	}
	return nil
}
