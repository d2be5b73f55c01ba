package whoami

import (
	"errors"
	"net/http"
	"testing"
)

func TestRecorderKeepsTheFirstAnswer(t *testing.T) {
	r := newRecorder(10)
	r.Header().Set("X-Interim", "yes")
	r.WriteHeader(http.StatusEarlyHints)
	r.Header().Del("X-Interim")
	r.Header().Set("X-Final", "yes")
	r.WriteHeader(http.StatusForbidden)
	r.Header().Set("X-Late", "yes")
	r.WriteHeader(http.StatusOK)
	if n, err := r.Write([]byte("0123456789")); n != 10 || err != nil {
		t.Errorf("writing: %d, %v", n, err)
	}
	answer := r.take()
	if answer.Status != http.StatusForbidden || len(answer.Header) != 1 || answer.Header.Get("X-Final") != "yes" ||
		string(answer.Body) != "0123456789" {
		t.Errorf("answer %+v, header %v, body %q", answer, answer.Header, answer.Body)
	}
	if _, err := r.Write([]byte("more")); !errors.Is(err, errDropped) {
		t.Errorf("writing after the answer was taken: %v", err)
	}
}

func TestRecorderFlush(t *testing.T) {
	r := newRecorder(10)
	if err := http.NewResponseController(r).Flush(); err != nil {
		t.Error(err)
	}
	if answer := r.take(); answer.Status != http.StatusOK {
		t.Errorf("answer %+v", answer)
	}
}

// TestRecorderUpgrade: a WebSocket is no answer, and there is no connection to hand out.
func TestRecorderUpgrade(t *testing.T) {
	r := newRecorder(10)
	r.WriteHeader(http.StatusSwitchingProtocols)
	if _, _, err := http.NewResponseController(r).Hijack(); !errors.Is(err, http.ErrNotSupported) {
		t.Errorf("hijacking: %v", err)
	}
	wantOutcome(t, new(Page).Read(r.take(), nil), CouldNotTell{Reason: UnexpectedStatus})
}

func TestRecorderLimits(t *testing.T) {
	r := newRecorder(10)
	if n, err := r.Write(make([]byte, 10+swallowed)); n != 10+swallowed || err != nil {
		t.Errorf("writing what is swallowed: %d, %v", n, err)
	}
	if n, err := r.Write([]byte("x")); n != 0 || !errors.Is(err, errDropped) {
		t.Errorf("writing more: %d, %v", n, err)
	}
	r.end(Panicked) // a consequence of the refusal
	r.giveUp()
	r.giveUp()
	wantFailure(t, r.take(), TooLarge)
}

func TestRecorderIsEmpty(t *testing.T) {
	wantFailure(t, newRecorder(10).take(), NoHandler)
}
