package redisstore

import (
	"errors"
	"testing"
	"time"

	"github.com/caddy-jwt-session/caddy-jwt-session/blacklist"
	"github.com/caddy-jwt-session/caddy-jwt-session/sessions/redisstore/redistest"
)

// A write may wait in the network for long after its caller was told that it has failed.
func TestWriteThatArrivesLate(t *testing.T) {
	t.Parallel()
	redistest.Each(t, func(t *testing.T, engine redistest.Engine) {
		server := engine.Start(t, redistest.Settings{})
		a, b := startGateway(t, server.URL(), t.TempDir(), nil), startGateway(t, server.URL(), t.TempDir(), nil)
		a.waitLinked(t, true)
		b.waitLinked(t, true)
		// late sends what the gateway would have sent before the step.
		late := func(op operation, step func()) error {
			t.Helper()
			known, err := a.replica.inStep(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			step()
			a.catchUp(t)
			_, _, err = a.replica.writer().send(t.Context(), op, 99, known)
			return err
		}
		entry := revoked("ann", 5)
		held := func() bool { return server.Do("HEXISTS", "{test}:live", string(entry.Subject.Bytes())) == "1" }

		err := late(lifting([]blacklist.Entry{{Subject: entry.Subject, Expires: entry.Expires}}, false), func() { b.revoke(t, entry) })
		if _, later := errors.AsType[*laterError](err); !later || !held() {
			t.Errorf("a lift that came before the entry was written: %v, in force: %v", err, held())
		}
		err = late(writing("write", []blacklist.Entry{entry}), func() { b.lift(t, entry.Subject) })
		if _, later := errors.AsType[*laterError](err); !later || held() {
			t.Errorf("a write that came before the lift: %v, in force: %v", err, held())
		}

		// Sent in time, both are tried again with what was written meanwhile.
		b.revoke(t, entry)
		a.lift(t, entry.Subject)
		b.revoke(t, entry)
		a.waitFor(t, entry)
	})
}

// A write whose gateway knows of something that the log lacks is not done.
func TestWriteToALogThatLacksSomething(t *testing.T) {
	t.Parallel()
	redistest.Each(t, func(t *testing.T, engine redistest.Engine) {
		server := engine.Start(t, redistest.Settings{})
		a := startGateway(t, server.URL(), t.TempDir(), nil)
		first := a.revoke(t, revoked("ann", 5))
		a.revoke(t, revoked("bob", 5))
		a.catchUp(t)
		for _, test := range []struct {
			known []uint64
			want  error
		}{
			{nil, nil},
			{[]uint64{first.At, a.Position()}, nil},
			{[]uint64{first.At + 1000, a.Position()}, errOutOfStep},
			{[]uint64{first.At, a.Position() + 1<<sequenceBits<<20}, errOutOfStep},
		} {
			a.catchUp(t)
			before := server.Do("XLEN", "{test}:log")
			_, _, err := a.replica.writer().send(t.Context(), writing("write", []blacklist.Entry{revoked("cid", 5)}), 99, test.known)
			if !errors.Is(err, test.want) || err != nil && server.Do("XLEN", "{test}:log") != before {
				t.Errorf("a write that knows of %v: %v, want %v", test.known, err, test.want)
			}
		}
	})
}

// Whatever the clocks of servers say, what is written later has a later place.
func TestLaterWritesHaveLaterPlaces(t *testing.T) {
	t.Parallel()
	redistest.Each(t, func(t *testing.T, engine redistest.Engine) {
		server := engine.Start(t, redistest.Settings{})
		dir := t.TempDir()
		a := openGateway(t, server.URL(), dir, nil)
		ahead := revoked("ann", 5)
		ahead.At = uint64(time.Now().Add(time.Hour).UnixMilli()) << sequenceBits
		if err := a.copy.save(t.Context(), change{entry: ahead}); err != nil { // from a server whose clock was ahead
			t.Fatal(err)
		}
		a.end()
		a = startGateway(t, server.URL(), dir, nil)
		b := startGateway(t, server.URL(), t.TempDir(), nil)
		b.waitFor(t, ahead)
		previous := ahead.At
		for range 3 {
			written := b.revoke(t, revoked("bob", 5))
			if written.At <= previous {
				t.Errorf("a write has place %d, behind %d", written.At, previous)
			}
			previous = written.At
		}
		b.lift(t, ahead.Subject)
		a.waitGone(t, ahead.Subject)
	})
}

// A failover may lose a write that this gateway has not read yet, and others may have written since.
func TestAcknowledgedWriteThatTheLogLacks(t *testing.T) {
	t.Parallel()
	redistest.Each(t, func(t *testing.T, engine redistest.Engine) {
		server := engine.Start(t, redistest.Settings{})
		a, b := startGateway(t, server.URL(), t.TempDir(), nil), startGateway(t, server.URL(), t.TempDir(), nil)
		a.waitLinked(t, true)
		a.catchUp(t)
		lost := revoked("ann", 5)
		lost.At = a.Position() + 1
		if err := a.copy.save(t.Context(), change{entry: lost}); err != nil {
			t.Fatal(err)
		}
		number := a.replica.mine.begin()
		a.replica.mine.acknowledge(number, lost.At, []change{{entry: lost}})
		b.waitFor(t, b.revoke(t, revoked("bob", 7)))
		b.waitFor(t, lost)
	})
}
