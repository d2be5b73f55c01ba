package issuer

import (
	"errors"
	"testing"
	"time"
)

var (
	start  = time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
	errAny = errors.New("any")
)

func TestScheduleNext(t *testing.T) {
	fresh := schedule{refreshMin: time.Minute, staleMax: time.Hour}
	if !fresh.next().IsZero() {
		t.Error("the first question is not due at once")
	}
	failing := fresh
	for i, seconds := range []int{1, 2, 4, 8, 16, 32, 60, 60} {
		want := time.Duration(seconds) * time.Second
		failing = failing.attempt(start, errAny)
		if got := failing.next().Sub(start); got != want {
			t.Errorf("after %d failures the next question is due in %s, want %s", i+1, got, want)
		}
	}
	for range 100 {
		failing = failing.attempt(start, errAny)
	}
	if got := failing.next().Sub(start); got != time.Minute {
		t.Errorf("after very many failures it is due in %s", got)
	}
	recovered := failing.attempt(start, nil)
	if got := recovered.next().Sub(start); got != refreshEvery {
		t.Errorf("after a success it is due in %s", got)
	}
	seldom := schedule{refreshMin: time.Hour, staleMax: time.Hour}.attempt(start, nil)
	if got := seldom.next().Sub(start); got != time.Hour {
		t.Errorf("with a long refresh_min it is due in %s", got)
	}
}

func TestScheduleFreshness(t *testing.T) {
	s := schedule{refreshMin: time.Minute, staleMax: time.Hour}
	if s.isFresh(start) {
		t.Error("nothing is fresh before the first answer")
	}
	s = s.attempt(start, nil).attempt(start.Add(time.Minute), errAny)
	if !s.isFresh(start.Add(time.Hour - 1)) {
		t.Error("keys don't serve through an outage")
	}
	if s.isFresh(start.Add(time.Hour)) {
		t.Error("keys serve for longer than stale_max")
	}
}

func TestScheduleUnknownKeys(t *testing.T) {
	s := schedule{refreshMin: time.Minute, staleMax: time.Hour}.attempt(start, nil)
	if !s.mayAskForUnknown(start) {
		t.Error("the first unknown key is no cause to ask")
	}
	s.unknown = start
	if s.mayAskForUnknown(start.Add(time.Minute - 1)) {
		t.Error("asked again too soon")
	}
	if !s.mayAskForUnknown(start.Add(time.Minute)) {
		t.Error("not asked again after refresh_min")
	}
}
