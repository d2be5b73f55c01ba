package chain

import (
	"runtime"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/caddy-jwt-session/caddy-jwt-session/bench/process"
)

// Measured is what a request took on the average.
type Measured struct {
	CPU         time.Duration
	Allocations float64
	Bytes       float64
}

// warmUp is the part of the time for which requests are sent before they are measured.
const warmUp = 5

// Measure measures one chain. It is a role of a process of its own.
func Measure(spec Spec) (Measured, error) {
	server, jars, err := prepare(spec)
	if err != nil {
		return Measured{}, err
	}
	ballast := make([]byte, spec.Ballast)
	requests := &stream{client: newClient(server), spec: spec, jars: jars}
	if spec.With != Rolling {
		requests.cookies = make([]string, len(jars))
		for i, one := range jars {
			requests.cookies[i] = spec.cookies(one)
		}
	}
	if _, err := requests.run(spec.Time/warmUp, len(jars)); err != nil {
		return Measured{}, err
	}
	measured, err := requests.measure(spec.Time)
	runtime.KeepAlive(ballast)
	if err != nil {
		return Measured{}, err
	}
	return measured, caddy.Stop()
}

// stream is requests without end.
type stream struct {
	client  *client
	spec    Spec
	jars    []jar
	cookies []string // nil: each request's come from its jar
	next    int
}

// measure measures in rounds. The CPU is that of all; of allocations and bytes the smallest count: whatever the store does in the
// background only adds some.
func (s *stream) measure(duration time.Duration) (Measured, error) {
	const rounds = 5
	runtime.GC()
	var all Measured
	for round := range rounds {
		one, err := s.measureRound(duration / rounds)
		if err != nil {
			return Measured{}, err
		}
		all.CPU += one.CPU / rounds
		if round == 0 || one.Allocations < all.Allocations {
			all.Allocations = one.Allocations
		}
		if round == 0 || one.Bytes < all.Bytes {
			all.Bytes = one.Bytes
		}
	}
	return all, nil
}

func (s *stream) measureRound(duration time.Duration) (Measured, error) {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	began, err := process.CPU()
	if err != nil {
		return Measured{}, err
	}
	sent, err := s.run(duration, 1)
	if err != nil {
		return Measured{}, err
	}
	ended, err := process.CPU()
	runtime.ReadMemStats(&after)
	return Measured{
		CPU:         (ended - began) / time.Duration(sent),
		Allocations: float64(after.Mallocs-before.Mallocs) / float64(sent),
		Bytes:       float64(after.TotalAlloc-before.TotalAlloc) / float64(sent),
	}, err
}

// run sends requests for a while, and so many at least. It returns how many there were.
func (s *stream) run(duration time.Duration, atLeast int) (int, error) {
	var got reply
	sent := 0
	for deadline := time.Now().Add(duration); sent < atLeast || time.Now().Before(deadline); {
		for range 32 {
			if err := s.send(&got); err != nil {
				return sent, err
			}
			sent++
		}
	}
	return sent, nil
}

func (s *stream) send(got *reply) error {
	user := s.next % len(s.jars)
	s.next++
	if s.cookies != nil {
		s.client.get(s.cookies[user], got)
	} else {
		s.client.get(s.jars[user].String(), got)
		s.jars[user].take(got)
	}
	return s.spec.check(got)
}
