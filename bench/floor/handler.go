package floor

import (
	"crypto/sha256"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/caddy-jwt-session/caddy-jwt-session/bench/application"
)

const (
	identityHeader = "Ourapp-User-Id"
	tokenCookie    = "jwt_shop"
)

// Who spoke for the user.
const (
	viaToken = iota
	viaSession
	viaNone
)

var viaNames = [...]string{viaToken: "token", viaSession: "session", viaNone: "none"}

var errNobody = errors.New("nobody is signed in")

func (f *Floor) ServeHTTP(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
	strip(r.Header)
	strip(r.Trailer)
	session, token := takeCookies(r.Header)
	now := time.Now()
	repl := r.Context().Value(caddy.ReplacerCtxKey).(*caddy.Replacer)
	via, found := viaToken, f.byToken(token, session, now)
	if found == nil && session != "" {
		via, found = viaSession, f.bySession(session, now)
	}
	if found == nil {
		f.counted[viaNone].Inc()
		setPlaceholders(repl, "", viaNames[viaNone])
		return refuse(w, token)
	}
	f.counted[via].Inc()
	setPlaceholders(repl, found.User, viaNames[via])
	r.Header[identityHeader] = []string{found.User}
	watch := &response{ResponseWriterWrapper: caddyhttp.ResponseWriterWrapper{ResponseWriter: w}, session: session}
	if via == viaSession && f.Mints {
		watch.token = f.tokens.mint(found, session, now)
	}
	return next.ServeHTTP(watch, r)
}

// byToken returns the claims of a usable token.
func (f *Floor) byToken(token, session string, now time.Time) *claims {
	if token == "" || session == "" {
		return nil
	}
	found, known := f.remembered.Get(token)
	if !known {
		var err error
		if found, err = f.tokens.verify(token); err != nil {
			return nil
		}
		f.remembered.Add(token, found)
	}
	if found.Realm != realm || now.Unix() >= found.Expires || !found.of(session) || f.revoked.hit(found) {
		return nil
	}
	return found
}

// bySession looks the session up.
func (f *Floor) bySession(session string, now time.Time) *claims {
	found, err := f.sessions.find(sha256.Sum256([]byte(session)), now)
	if err != nil || f.revoked.hit(found) {
		return nil
	}
	return found
}

// strip removes the identity header in all spellings that an application could take for it.
func strip(header http.Header) {
	for name := range header {
		if len(name) >= len(identityHeader) && folds(name) {
			delete(header, name)
		}
	}
}

// folds reports whether a name is the identity header's: in any case, with anything for a hyphen, behind "HTTP-".
func folds(name string) bool {
	if len(name) == len(identityHeader)+5 {
		name = name[5:]
	}
	if len(name) != len(identityHeader) {
		return false
	}
	for i := range len(name) {
		is, want := name[i]|0x20, identityHeader[i]|0x20
		if is != want && (identityHeader[i] != '-' || 'a' <= is && is <= 'z' || '0' <= is && is <= '9') {
			return false
		}
	}
	return true
}

// takeCookies returns the session's and the token's cookie, and takes the latter from the request.
func takeCookies(header http.Header) (session, token string) {
	lines := header["Cookie"]
	if len(lines) == 0 {
		return "", ""
	}
	line := lines[0]
	if len(lines) > 1 {
		line = strings.Join(lines, "; ")
	}
	for rest := line; rest != ""; {
		pair, after, _ := strings.Cut(rest, ";")
		name, value, _ := strings.Cut(strings.TrimSpace(pair), "=")
		switch name {
		case application.Cookie:
			session = value
		case tokenCookie:
			token = value
			before := strings.TrimRight(line[:len(line)-len(rest)], "; ")
			if before != "" && after != "" {
				before += ";"
			}
			line = strings.TrimSpace(before + after)
		}
		rest = after
	}
	if line == "" {
		delete(header, "Cookie")
	} else {
		header["Cookie"] = []string{line}
	}
	return session, token
}

// setPlaceholders makes known who the request is from.
func setPlaceholders(repl *caddy.Replacer, user, via string) {
	repl.Map(func(key string) (any, bool) {
		switch key {
		case "http.auth.user.id":
			return user, user != ""
		case "http.jwt_session.realm":
			return realm, true
		case "http.jwt_session.via":
			return via, true
		default:
			return nil, false
		}
	})
}

// refuse answers 401, and clears a token that did not count.
func refuse(w http.ResponseWriter, token string) error {
	header := w.Header()
	header["Www-Authenticate"] = []string{`Bearer realm="` + realm + `"`}
	if token != "" {
		header["Set-Cookie"] = []string{tokenCookie + "=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax"}
		header["Cache-Control"] = []string{"no-store"}
	}
	return caddyhttp.Error(http.StatusUnauthorized, errNobody)
}
