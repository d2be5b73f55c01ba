package harness

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
)

// Legacy is an application with sessions of its own that knows nothing of tokens. It reports what it received in the
// header X-Legacy of each answer.
type Legacy struct {
	*httptest.Server

	mutex    sync.Mutex
	sessions map[string]string
	asked    int
	Answer   func(w http.ResponseWriter, r *http.Request) bool // overrides, before all else
	whoami   func(w http.ResponseWriter, r *http.Request) bool // overrides the whoami page
}

// Queueing is an application whose whoami page answers a question when it is let, and counts how many are under way.
type Queueing struct {
	Asked  chan struct{} // one for each question
	Answer chan struct{} // one lets a question be answered; closed: all

	mutex       sync.Mutex
	now, AtMost int
}

// NewLegacy starts an application for the length of the test.
func NewLegacy(t *testing.T) *Legacy {
	t.Helper()
	legacy := &Legacy{sessions: make(map[string]string)}
	legacy.Server = httptest.NewServer(legacy)
	t.Cleanup(legacy.Close)
	return legacy
}

// Address returns where it listens: host and port.
func (l *Legacy) Address() string { return strings.TrimPrefix(l.URL, "http://") }

// SignIn opens a session and returns its id.
func (l *Legacy) SignIn(user string) string {
	random := make([]byte, 24)
	_, _ = rand.Read(random)
	id := base64.RawURLEncoding.EncodeToString(random)
	l.mutex.Lock()
	defer l.mutex.Unlock()
	l.sessions[id] = user
	return id
}

// Set changes whose session it is; "" is nobody's.
func (l *Legacy) Set(id, user string) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	l.sessions[id] = user
}

// Questions returns how often its whoami page was asked.
func (l *Legacy) Questions() int {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	return l.asked
}

// Respond sets a function that may answer instead of the application.
func (l *Legacy) Respond(answer func(w http.ResponseWriter, r *http.Request) bool) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	l.Answer = answer
}

// RespondWhoami sets a function that may answer instead of the whoami page.
func (l *Legacy) RespondWhoami(answer func(w http.ResponseWriter, r *http.Request) bool) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	l.whoami = answer
}

// User returns whose session a request has, or "".
func (l *Legacy) User(r *http.Request) string {
	cookie, err := r.Cookie("session")
	if err != nil {
		return ""
	}
	l.mutex.Lock()
	defer l.mutex.Unlock()
	return l.sessions[cookie.Value]
}

// ServeHTTP serves the pages.
func (l *Legacy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/whoami" {
		l.ServeWhoami(w, r)
		return
	}
	var body bytes.Buffer
	_, _ = io.Copy(&body, r.Body)
	report, _ := json.Marshal(Received{Method: r.Method, Path: r.URL.Path, Header: r.Header, Trailer: r.Trailer})
	w.Header().Set("X-Legacy", string(report))
	l.mutex.Lock()
	answer := l.Answer
	l.mutex.Unlock()
	if answer != nil && answer(w, r) {
		return
	}
	switch r.URL.Path {
	case "/login":
		http.SetCookie(w, &http.Cookie{Name: "session", Value: l.SignIn(r.URL.Query().Get("user")), Path: "/", HttpOnly: true})
	case "/logout":
		if cookie, err := r.Cookie("session"); err == nil {
			l.Set(cookie.Value, "")
		}
		http.SetCookie(w, &http.Cookie{Name: "session", Path: "/", MaxAge: -1})
	case "/quiet-logout":
		if cookie, err := r.Cookie("session"); err == nil {
			l.Set(cookie.Value, "")
		}
	}
	_, _ = fmt.Fprintf(w, "hello %s\n%s", l.User(r), body.String())
}

// ServeWhoami serves the page that says who the user is.
func (l *Legacy) ServeWhoami(w http.ResponseWriter, r *http.Request) {
	l.mutex.Lock()
	l.asked++
	answer := l.whoami
	l.mutex.Unlock()
	if answer != nil && answer(w, r) {
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	if user := l.User(r); user != "" {
		_, _ = fmt.Fprintf(w, `{"user": %q, "role": "customer"}`, user)
		return
	}
	_, _ = io.WriteString(w, `{"user": null}`)
}

// Saying makes the whoami page one of the given type, headers and text.
func (l *Legacy) Saying(contentType, body string, headers ...string) {
	l.RespondWhoami(func(w http.ResponseWriter, _ *http.Request) bool {
		w.Header().Set("Content-Type", contentType)
		for _, line := range headers {
			name, value, _ := strings.Cut(line, ": ")
			w.Header().Add(name, value)
		}
		_, _ = io.WriteString(w, body)
		return true
	})
}

// Queueing makes the whoami page wait.
func (l *Legacy) Queueing() *Queueing {
	q := &Queueing{Asked: make(chan struct{}, 10_000), Answer: make(chan struct{})}
	l.RespondWhoami(func(w http.ResponseWriter, r *http.Request) bool {
		q.mutex.Lock()
		q.now++
		q.AtMost = max(q.AtMost, q.now)
		q.mutex.Unlock()
		q.Asked <- struct{}{}
		if r.Header.Get("User-Agent") != "prompt" {
			<-q.Answer
		}
		q.mutex.Lock()
		q.now--
		q.mutex.Unlock()
		w.Header().Set("Cache-Control", "no-store")
		_, _ = io.WriteString(w, `{"user": "alice"}`)
		return true
	})
	return q
}

// Names lets the application say in a header who each response is for, once it has acted on the request.
func (l *Legacy) Names(header string) {
	l.Respond(func(w http.ResponseWriter, r *http.Request) bool {
		user := l.User(r)
		switch r.URL.Path {
		case "/login":
			user = r.URL.Query().Get("user")
			http.SetCookie(w, &http.Cookie{Name: "session", Value: l.SignIn(user), Path: "/"})
		case "/switch": // the id stays as it is
			cookie, _ := r.Cookie("session")
			user = r.URL.Query().Get("user")
			l.Set(cookie.Value, user)
		case "/silent":
			return false
		}
		w.Header().Set(header, user)
		_, _ = fmt.Fprintf(w, "hello %s", user)
		return true
	})
}

// Rolls lets the application set another session id with every answer to a request that brings one that it knows.
func (l *Legacy) Rolls() {
	roll := func(w http.ResponseWriter, r *http.Request) bool {
		user := l.User(r)
		if user == "" || strings.HasPrefix(r.URL.Path, "/log") {
			return false
		}
		http.SetCookie(w, &http.Cookie{Name: "session", Value: l.SignIn(user), Path: "/", HttpOnly: true})
		return false
	}
	l.Respond(roll)
	l.RespondWhoami(roll)
}

// Remembering makes the application sign a visitor in by a cookie of its own, as "remember me" does: with a new session id,
// on the whoami page too. It returns a function that returns the Cookie lines of the questions so far.
func (l *Legacy) Remembering(user string) (asked func() [][]string) {
	var mutex sync.Mutex
	var lines [][]string
	signIn := func(w http.ResponseWriter, r *http.Request) string {
		if known := l.User(r); known != "" {
			return known
		}
		if cookie, err := r.Cookie("remember"); err != nil || cookie.Value != "R-of-"+user {
			return ""
		}
		http.SetCookie(w, &http.Cookie{Name: "session", Value: l.SignIn(user), Path: "/", HttpOnly: true})
		return user
	}
	l.RespondWhoami(func(w http.ResponseWriter, r *http.Request) bool {
		mutex.Lock()
		lines = append(lines, r.Header["Cookie"])
		mutex.Unlock()
		if named := signIn(w, r); named != "" {
			_, _ = fmt.Fprintf(w, `{"user": %q}`, named)
		} else {
			_, _ = io.WriteString(w, `{"user": null}`)
		}
		return true
	})
	l.Respond(func(w http.ResponseWriter, r *http.Request) bool {
		signIn(w, r)
		return false
	})
	return func() [][]string {
		mutex.Lock()
		defer mutex.Unlock()
		return lines
	}
}

// Opened returns how many sessions it has opened so far.
func (l *Legacy) Opened() int {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	return len(l.sessions)
}
