package command

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/caddy-jwt-session/caddy-jwt-session/ledger"
	"github.com/caddy-jwt-session/caddy-jwt-session/sessions"
	"github.com/caddy-jwt-session/caddy-jwt-session/sessions/badgerstore"
	"github.com/caddy-jwt-session/caddy-jwt-session/validator"
)

// algorithms are those that tokens can have, the default first.
var algorithms = []validator.Algorithm{validator.HS256, validator.ES256, validator.EdDSA, validator.RS256}

// benchSize is how much is measured. A test makes do with less.
var benchSize = struct {
	sessions int           // how many the store holds
	time     time.Duration // how long each thing is done
}{50_000, 400 * time.Millisecond}

const (
	benchRealm = "bench"
	// benchAttribute is how long the attribute is that makes a token large.
	benchAttribute = 2000
)

// measure measures everything. step is called before each part.
func measure(ctx context.Context, step func(what string)) (found figures, err error) {
	dir, err := os.MkdirTemp("", "jwt-session-bench-")
	if err != nil {
		return figures{}, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	db, err := badgerstore.Open(dir, zap.NewNop())
	if err != nil {
		return figures{}, err
	}
	shared, err := ledger.Open(ctx, db, ledger.Options{})
	if err != nil {
		return figures{}, errors.Join(err, db.Close())
	}
	defer func() { err = errors.Join(err, shared.Close()) }()
	shared.Retain(time.Hour, 0)

	step(fmt.Sprintf("adding %d sessions", benchSize.sessions))
	if err := addSessions(ctx, shared); err != nil {
		return figures{}, err
	}
	found.Sessions = benchSize.sessions
	step("looking sessions up")
	if found.LookUp, err = measureLookUp(ctx, shared); err != nil {
		return figures{}, err
	}
	for _, algorithm := range algorithms {
		figure, err := measureTokens(ctx, shared, algorithm, step)
		if err != nil {
			return figures{}, err
		}
		found.Tokens = append(found.Tokens, figure)
	}
	return found, nil
}

// benchID is a session id as applications make them.
func benchID(number int) string { return fmt.Sprintf("%032x", number) }

func addSessions(ctx context.Context, shared *ledger.Ledger) error {
	const workers = 32
	failures := make([]error, workers)
	var wait sync.WaitGroup
	for worker := range workers {
		wait.Go(func() {
			for number := worker; number < benchSize.sessions && failures[worker] == nil; number += workers {
				_, failures[worker] = shared.Add(ctx, sessions.Key{Realm: benchRealm, Hash: sessions.HashOf(benchID(number))},
					ledger.Identity{User: fmt.Sprint("user-", number/2)}, ledger.Lifetimes{Idle: time.Hour, MaxAge: 2 * time.Hour})
			}
		})
	}
	wait.Wait()
	return errors.Join(failures...)
}

// each returns how many nanoseconds a thing takes: the quickest of several rounds, since whatever disturbs one only
// ever makes it slower.
func each(do func() error) (float64, error) {
	runtime.GC()
	const rounds = 5
	quickest := 0.0
	for range rounds {
		began, times := time.Now(), 0
		for time.Since(began) < benchSize.time/rounds {
			for range 16 {
				if err := do(); err != nil {
					return 0, err
				}
			}
			times += 16
		}
		if took := float64(time.Since(began).Nanoseconds()) / float64(times); quickest == 0 || took < quickest {
			quickest = took
		}
	}
	return quickest, nil
}

func measureLookUp(ctx context.Context, shared *ledger.Ledger) (lookUpFigures, error) {
	cookies, err := validator.NewSessionCookies("session")
	if err != nil {
		return lookUpFigures{}, err
	}
	lines := make([][]string, 4096) // made before, since a request brings its cookies
	for i := range lines {
		lines[i] = []string{"session=" + benchID(rand.IntN(benchSize.sessions))}
	}
	next := 0
	took, err := each(func() error {
		next++
		read, err := validator.ScanCookies(lines[next%len(lines)])
		if err != nil {
			return err
		}
		_, active, err := shared.Active(ctx, sessions.Key{Realm: benchRealm, Hash: cookies.Read(read).Hash})
		if err == nil && !active {
			err = errors.New("a session that was added is not there")
		}
		return err
	})
	return lookUpFigures{CookieBytes: len(lines[0][0]), Nanoseconds: took}, err
}

// tokenBench measures the tokens of one algorithm.
type tokenBench struct {
	shared  *ledger.Ledger
	ring    *validator.KeyRing
	minter  validator.Minter
	cookies validator.SessionCookies
	record  sessions.Session
	session validator.SessionCredential
	route   validator.Route
}

func measureTokens(
	ctx context.Context, shared *ledger.Ledger, algorithm validator.Algorithm, step func(string),
) (algorithmFigure, error) {
	b, err := newTokenBench(ctx, shared, algorithm)
	if err != nil {
		return algorithmFigure{}, err
	}
	figure := algorithmFigure{Algorithm: algorithm}
	step(string(algorithm) + ": minting")
	if figure.Mint, err = each(func() error { _, err := b.mint(); return err }); err != nil {
		return algorithmFigure{}, err
	}
	step(string(algorithm) + ": checking for the first time")
	line, err := b.line()
	if err != nil {
		return algorithmFigure{}, err
	}
	figure.Bytes = len(line) - len("session=") - len(benchID(0))
	if figure.First, err = b.check(line, nil); err != nil {
		return algorithmFigure{}, err
	}
	step(string(algorithm) + ": checking what was seen before")
	if figure.Seen, err = b.check(line, validator.NewCache(1000)); err != nil {
		return algorithmFigure{}, err
	}
	step(string(algorithm) + ": checking a large one")
	b.record.Attributes = sessions.Attributes{"large": sessions.Text(strings.Repeat("x", benchAttribute))}
	large, err := b.line()
	if err != nil {
		return algorithmFigure{}, err
	}
	took, err := b.check(large, nil)
	figure.PerByte = max(took-figure.First, 0) / float64(len(large)-len(line))
	return figure, err
}

func newTokenBench(ctx context.Context, shared *ledger.Ledger, algorithm validator.Algorithm) (*tokenBench, error) {
	key, _, err := validator.GenerateKey(algorithm)
	if err != nil {
		return nil, err
	}
	other, _, err := validator.GenerateKey(algorithm) // one that only verifies, as there is after a rotation
	if err != nil {
		return nil, err
	}
	keys, err := validator.NewKeySet(key, other)
	if err != nil {
		return nil, err
	}
	b := &tokenBench{
		shared: shared, ring: validator.NewKeyRing(keys), minter: validator.Minter{Keys: keys, Lifetime: time.Hour},
		route: validator.Route{Realm: benchRealm, Lifetime: time.Hour, Longest: time.Hour},
	}
	if b.cookies, err = validator.NewSessionCookies("session"); err != nil {
		return nil, err
	}
	read, err := validator.ScanCookies([]string{"session=" + benchID(0)})
	if err != nil {
		return nil, err
	}
	b.session = b.cookies.Read(read)
	record, active, err := shared.Active(ctx, sessions.Key{Realm: benchRealm, Hash: b.session.Hash})
	if err == nil && !active {
		err = errors.New("a session that was added is not there")
	}
	b.record = record
	b.route.Dead = func(claims *validator.Claims) (validator.Reason, bool) {
		dead, _ := shared.TokenDead(ledger.SubjectsOf(claims.TokenID(), claims.SessionKey(), claims.Subject()), claims.AuthTime())
		return validator.TokenRevoked, dead
	}
	return b, err
}

func (b *tokenBench) mint() (string, error) {
	return b.minter.Mint(b.record, b.session, time.Now())
}

// line is a request's cookies.
func (b *tokenBench) line() (string, error) {
	token, err := b.mint()
	return "session=" + benchID(0) + "; jwt_" + benchRealm + "=" + token, err
}

// check measures what a request with these cookies takes until it is decided.
func (b *tokenBench) check(line string, cache *validator.Cache) (float64, error) {
	verifier, lines := validator.NewVerifier(b.ring, cache), slices.Clip([]string{line})
	return each(func() error {
		read, err := validator.ScanCookies(lines)
		if err != nil {
			return err
		}
		token := verifier.Verify(validator.ReadToken(read, "jwt_"+benchRealm), time.Now(), b.route)
		if token.State != validator.TokenUsable || validator.Bind(token, b.cookies.Read(read)) != validator.SameSession {
			return fmt.Errorf("a token that was just minted does not count: %s", token.Reason)
		}
		return nil
	})
}
