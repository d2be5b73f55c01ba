package policy

import (
	"context"
	"slices"
	"strings"
	"time"

	"go.uber.org/zap"

	"github.com/caddy-jwt-session/caddy-jwt-session/ledger"
	"github.com/caddy-jwt-session/caddy-jwt-session/request/diagnosis"
	"github.com/caddy-jwt-session/caddy-jwt-session/sessions"
	"github.com/caddy-jwt-session/caddy-jwt-session/sessions/whoami"
)

// fewSessions is how many records are looked at to find out whether users of a realm are known.
const fewSessions = 20

// knowsUsers reports whether the realm has sessions that the application told of. Then a cookie or a page that brings no user
// is no mistake for now: the gateway may just have been started again.
func knowsUsers(of *ledger.Ledger, realm string) bool {
	page, err := of.List(context.Background(), sessions.Query{Realm: realm, Limit: fewSessions})
	return err == nil && slices.ContainsFunc(page.Sessions, func(one sessions.Session) bool { return one.Source != sessions.Added })
}

// NoteUnnamed notes an answer of the whoami page that names nobody for the session. It warns if such answers show a mistake.
// Sought is what whoami looks for.
func (p *Policy) NoteUnnamed(of *ledger.Ledger, key sessions.Key, page diagnosis.Page, answer whoami.Answer, sought string) {
	now := p.App.Now()
	count := p.Findings.Unnamed(key.Hash, page, now)
	if count == 0 {
		return
	}
	isNamed := p.Site.NamesUsers && !p.Findings.WantsRefusals() // by responses, so that the page is asked of the others alone
	if !page.IsBroken() && (isNamed || knowsUsers(of, key.Realm)) {
		p.Findings.Again(now)
		return
	}
	p.Warn(unnamedText(page), zap.Int("sessions", count), zap.Int("status", answer.Status),
		zap.String("content_type", answer.MediaType()), zap.String("location", answer.RedirectsTo()),
		zap.String("looked_for", sought), zap.String("page", answer.RequestURI))
}

// unnamedText says what is wrong with a page that names nobody.
func unnamedText(page diagnosis.Page) string {
	switch {
	case page.Reason == whoami.NotFound:
		return "the whoami page does not exist, so nobody is signed in; write the path of a page that names the user behind whoami"
	case page.Miss == whoami.NotJSON:
		return "the whoami page is not JSON, so nobody is signed in; write the path of a page that answers in JSON behind whoami, " +
			"or look for the user with header or regex instead of json"
	case page.Miss == whoami.NoSuchPath:
		return "the whoami page has nothing at the JSON path of the user, so nobody is signed in; compare the path behind json with " +
			"what the page answers to a user who is signed in"
	case page.Reason == whoami.Redirected:
		return "the whoami page has redirected every session so far, so nobody is signed in; if users are signed in, write the path " +
			"of a page that names them behind whoami, and look at session_cookie: the question carries that cookie alone"
	case page.Reason == whoami.Refused:
		return "the whoami page has refused every session so far, so nobody is signed in; if users are signed in, write the path " +
			"of a page that they may see behind whoami, and look at session_cookie: the question carries that cookie alone"
	default:
		return "the whoami page has named nobody so far; if users are signed in, compare what whoami looks for with what the page " +
			"answers to them, and look at session_cookie: the question carries that cookie alone"
	}
}

// NoteCookies notes the names of the cookies of a request without a session cookie. It warns if it seems that the session has
// another cookie.
func (p *Policy) NoteCookies(of *ledger.Ledger, realm string, names []string) {
	now := p.App.Now()
	came := p.Findings.Cookies(names, now)
	if len(came) == 0 {
		return
	}
	if knowsUsers(of, realm) {
		p.Findings.Again(now)
		return
	}
	p.Warn("requests bring cookies, but never the session cookie, so nobody is signed in; write the name of the application's "+
		"session cookie behind session_cookie", zap.String("session_cookie", p.sessionCookies()), zap.Strings("came", came))
}

func (p *Policy) sessionCookies() string { return strings.Join(p.Site.Session.Cookies.Names(), " ") }

// NoteEndedUnseen notes that a session was over when the application was asked again. It warns if sign-outs stay unnoticed.
func (p *Policy) NoteEndedUnseen(record sessions.Session, now time.Time) {
	count := p.Findings.EndedUnseen(record.Confirmed, now, p.Site.Token.Lifetime)
	if count == 0 {
		return
	}
	text := "sessions were over when the application was asked again, and no sign-out was noticed before that, so users count " +
		"as signed in for a while after they sign out; write forget_on with the path of the sign-out"
	if p.HasForgetOn {
		text = "sessions were over when the application was asked again, and no sign-out was noticed before that, so users count " +
			"as signed in for a while after they sign out; compare forget_on, which never matched, with the path of the sign-out"
	}
	p.Warn(text, zap.Int("sessions", count))
}

// NoteOther notes that a session is another user's than before, though nothing ended it.
func (p *Policy) NoteOther(session sessions.Hash, now time.Time) {
	if p.Findings.Shared(session, now) {
		p.Warn("one value of the session cookie was several users' in turn, so that users may be taken for one another; write the "+
			"cookie whose value is a session's own behind session_cookie", zap.String("session_cookie", p.sessionCookies()))
	}
}

// NoteRefused notes that a page of the realm was refused with 401. Closed reports whether no page is open to users who are not
// signed in. It warns if nobody may be able to sign in.
func (p *Policy) NoteRefused(of *ledger.Ledger, realm, path string, closed bool) {
	now := p.App.Now()
	switch {
	case !p.Findings.Refused(path, closed, now):
	case knowsUsers(of, realm):
		p.Findings.Again(now)
	default:
		p.Warn("a page was refused with 401, and nobody has signed in so far: if the sign-in page is refused, nobody can; write " +
			"unauthenticated <path of the sign-in page> pass, or unauthenticated redirect <its URL>")
	}
}
