package application

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

// Cookie is the name of the application's session cookie.
const Cookie = "session"

// digits is how many digits of a session id say whose it is.
const digits = 10

// Session returns the id of a user's session, as long as ids usually are.
func Session(user int) string {
	sum := sha256.Sum256([]byte(strconv.Itoa(user)))
	return fmt.Sprintf("%0*d%s", digits, user, base64.RawURLEncoding.EncodeToString(sum[:])[:22])
}

// User returns the id of a user.
func User(user int) string { return "user-" + strconv.Itoa(user) }

// New returns an application.
func New(rolls bool) *Handler {
	h := &Handler{rolls: rolls}
	h.answers.Store(time.Now().UnixNano()) // no session id comes twice, not even after a restart
	return h
}

// Handler is the application. It names the user of a session at /whoami.
type Handler struct {
	rolls   bool // it changes the session id with every answer
	answers atomic.Int64
}

// ServeHTTP answers one request.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	user, signedIn := 0, false
	if cookie, err := r.Cookie(Cookie); err == nil {
		user, signedIn = userOf(cookie.Value)
	}
	if h.rolls && signedIn {
		// Rails keeps the session in its cookie, and encrypts it anew for every answer.
		next := fmt.Sprintf("%0*d.%020d.%s", digits, user, h.answers.Add(1), strings.Repeat("x", 100))
		w.Header()["Set-Cookie"] = []string{Cookie + "=" + next + "; path=/; HttpOnly; SameSite=Lax"}
	}
	if r.URL.Path != "/whoami" {
		w.WriteHeader(http.StatusOK)
		return
	}
	w.Header()["Cache-Control"] = []string{"no-store"}
	if signedIn {
		_, _ = io.WriteString(w, `{"user":"`+User(user)+`"}`)
	} else {
		_, _ = io.WriteString(w, `{"user":null}`)
	}
}

func userOf(session string) (int, bool) {
	if len(session) < digits {
		return 0, false
	}
	user, err := strconv.Atoi(session[:digits])
	return user, err == nil
}
