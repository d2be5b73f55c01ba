package eventpoll

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"
)

// server answers each question with the next of its answers, and notes the questions.
type server struct {
	*httptest.Server

	answers   []string // a number is a status
	questions []map[string]any
	headers   []http.Header
}

func newServer(t *testing.T, answers ...string) *server {
	t.Helper()
	s := &server{answers: answers}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var question map[string]any
		if err := json.NewDecoder(r.Body).Decode(&question); err != nil {
			t.Error(err)
		}
		s.questions, s.headers = append(s.questions, question), append(s.headers, r.Header)
		answer := s.answers[min(len(s.questions), len(s.answers))-1]
		var status int
		if _, err := fmt.Sscan(answer, &status); err == nil {
			w.Header().Set("Location", "/elsewhere")
			w.WriteHeader(status)
			return
		}
		_, _ = io.WriteString(w, answer)
	}))
	t.Cleanup(s.Close)
	return s
}

func (s *server) options(handle func(id, token string) (*Refusal, error)) Options {
	return Options{
		URL: s.URL, Authorization: "Bearer secret", Interval: time.Minute, Report: func(error) {},
		Client: &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }},
		Handle: func(_ context.Context, id, token string) (*Refusal, error) { return handle(id, token) },
	}
}

// Each event is acknowledged or refused with the next question, once, and only if it was handled.
func TestRounds(t *testing.T) {
	s := newServer(t, `{"sets":{"a":"A","b":"B","c":"C"}}`, "500", `{"sets":{"c":"C"},"moreAvailable":true}`, `{"sets":{}}`, `{}`)
	failing := errors.New("the disk is full")
	p := poller{Options: s.options(func(id, token string) (*Refusal, error) {
		if token != strings.ToUpper(id) {
			t.Errorf("%s is %s", id, token)
		}
		switch {
		case id == "b":
			return &Refusal{Code: "invalid_key", Description: "x"}, nil
		case id == "c" && failing != nil:
			return nil, failing
		}
		return nil, nil
	})}
	round := func(least, most time.Duration, want error) {
		t.Helper()
		pause, err := p.round(t.Context())
		if (err != nil) != (want != nil) || want != nil && !errors.Is(err, want) && want != io.EOF || pause < least || pause > most {
			t.Errorf("a pause of %v, %v; want %v to %v, %v", pause, err, least, most, want)
		}
	}
	round(30*time.Second, time.Minute, failing)
	failing = nil
	round(time.Minute, 2*time.Minute, io.EOF) // any error
	round(0, 0, nil)
	round(time.Minute, time.Minute, nil)
	round(time.Minute, time.Minute, nil)
	for i, want := range []struct{ acknowledged, refused []string }{
		{nil, nil}, {[]string{"a"}, []string{"b"}}, {[]string{"a"}, []string{"b"}}, {[]string{"c"}, nil}, {nil, nil},
	} {
		question := s.questions[i]
		var acknowledged []string
		for _, id := range asList(question["ack"]) {
			acknowledged = append(acknowledged, id.(string))
		}
		errs, _ := question["setErrs"].(map[string]any)
		if !slices.Equal(acknowledged, want.acknowledged) || !slices.Equal(slices.Sorted(maps.Keys(errs)), want.refused) {
			t.Errorf("question %d: %v", i, question)
		}
		if question["maxEvents"] != float64(maxEvents) || s.headers[i].Get("Authorization") != "Bearer secret" ||
			s.headers[i].Get("Content-Type") != "application/json" {
			t.Errorf("question %d: %v, %v", i, question, s.headers[i])
		}
	}
}

func asList(value any) []any {
	list, _ := value.([]any)
	return list
}

// What is no answer is an error, and nothing of it is handled.
func TestBadAnswers(t *testing.T) {
	for name, answer := range map[string]string{
		"a redirect": "302", "unauthorized": "401", "no content": "204", "no JSON": "<html>", "a list": "[]",
		"an event that is no text": `{"sets":{"a":1}}`, "an event twice": `{"sets":{"a":"A","a":"B"}}`,
		"too large": `{"sets":{"a":"` + strings.Repeat("A", maxAnswer) + `"}}`,
	} {
		s := newServer(t, answer)
		p := poller{Options: s.options(func(string, string) (*Refusal, error) {
			t.Errorf("%s: an event was handled", name)
			return nil, nil
		})}
		if pause, err := p.round(t.Context()); err == nil || pause <= 0 {
			t.Errorf("%s: a pause of %v, %v", name, pause, err)
		}
		if len(s.questions) != 1 {
			t.Errorf("%s: asked %d times", name, len(s.questions))
		}
	}
}

// The pause grows with each failure, up to a bound.
func TestPauses(t *testing.T) {
	p := poller{Options: Options{Interval: time.Second}}
	longest := time.Duration(0)
	for i := range 40 {
		want := min(time.Second<<min(i, 10), longestPause)
		if pause := p.failed(); pause < want/2 || pause > want {
			t.Errorf("after %d failures: %v, want %v at most", i+1, pause, want)
		} else {
			longest = max(longest, pause)
		}
	}
	if longest < longestPause/2 {
		t.Errorf("the longest is %v", longest)
	}
}

// Run ends with its context, also while it waits for an answer.
func TestRunEnds(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	waiting := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		cancel()
		<-r.Context().Done()
	}))
	defer waiting.Close()
	Run(ctx, Options{
		URL: waiting.URL, Interval: time.Hour, Client: waiting.Client(), Report: func(err error) { t.Errorf("reported %v", err) },
		Handle: func(context.Context, string, string) (*Refusal, error) { return nil, nil },
	})
}
