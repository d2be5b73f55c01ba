package diagnosis

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/caddy-jwt-session/caddy-jwt-session/sessions"
)

// Findings is what one handler has found so far. The zero value has found nothing. Its methods are safe for concurrent use.
type Findings struct {
	pageNames  atomic.Bool // the whoami page has named a user
	signsIn    atomic.Bool // somebody was signed in
	hasSession atomic.Bool // a session cookie came
	hasEnds    atomic.Bool // an end of a session was noticed

	mutex   sync.Mutex
	quiet   time.Time // until when nothing is counted that may be no mistake
	pages   pages
	cookies cookies
	ends    ends
	shared  shared
	refused refused
}

// set stores true, and writes nothing if that is there.
func set(flag *atomic.Bool) {
	if !flag.Load() {
		flag.Store(true)
	}
}

// PageNames notes that the whoami page named a user.
func (f *Findings) PageNames() {
	set(&f.pageNames)
	set(&f.signsIn)
}

// SignsIn notes that a request is from a user.
func (f *Findings) SignsIn() { set(&f.signsIn) }

// HasSession notes that a session cookie came, of whatever worth.
func (f *Findings) HasSession() { set(&f.hasSession) }

// Ended notes that a session was seen to end.
func (f *Findings) Ended() { set(&f.hasEnds) }

// WantsPages reports whether pages that name nobody are worth a look.
func (f *Findings) WantsPages() bool { return !f.pageNames.Load() }

// WantsCookies reports whether requests without a session cookie are worth a look.
func (f *Findings) WantsCookies() bool { return !f.hasSession.Load() && !f.signsIn.Load() }

// WantsRefusals reports whether refused pages are worth a look.
func (f *Findings) WantsRefusals() bool { return !f.signsIn.Load() }

// Unnamed notes that the page named nobody for a session. It returns for how many different ones it did by now, if that is to
// be said, and 0 otherwise.
func (f *Findings) Unnamed(session sessions.Hash, page Page, now time.Time) int {
	if !f.WantsPages() {
		return 0
	}
	f.mutex.Lock()
	defer f.mutex.Unlock()
	if now.Before(f.quiet) && !page.IsBroken() {
		return 0
	}
	return f.pages.note(session, page)
}

// Cookies notes the names of the cookies of a request without a session cookie. It returns what to say of them, if that is
// due: some of the names that came so far.
func (f *Findings) Cookies(names []string, now time.Time) []string {
	if !f.WantsCookies() {
		return nil
	}
	f.mutex.Lock()
	defer f.mutex.Unlock()
	if now.Before(f.quiet) {
		return nil
	}
	return f.cookies.note(names)
}

// quietTime is how long nothing is counted after it turned out to be no mistake.
const quietTime = time.Minute

// Again takes back what was found, since it turns out to be no mistake for now. It is counted anew after a while.
func (f *Findings) Again(now time.Time) {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	f.pages, f.cookies, f.refused, f.quiet = pages{}, cookies{}, refused{}, now.Add(quietTime)
}

// EndedUnseen notes that a session turned out to be over that was last confirmed at a time. It returns how many there were, if
// that is to be said, and 0 otherwise. Those that turn out within one lifetime count as one: an application that is started
// again may lose all of them.
func (f *Findings) EndedUnseen(confirmed, now time.Time, lifetime time.Duration) int {
	if f.hasEnds.Load() {
		return 0
	}
	f.mutex.Lock()
	defer f.mutex.Unlock()
	return f.ends.note(confirmed, now, lifetime)
}

// Shared notes that a session that was one user's is another one's now, though nothing ended it. It reports whether that is
// to be said.
func (f *Findings) Shared(session sessions.Hash, now time.Time) bool {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	return f.shared.note(session, now)
}

// Refused notes that a page was refused with 401. It reports whether that is to be said. Closed reports whether no page at
// all is open to those who are not signed in.
func (f *Findings) Refused(path string, closed bool, now time.Time) bool {
	if !f.WantsRefusals() {
		return false
	}
	f.mutex.Lock()
	defer f.mutex.Unlock()
	if now.Before(f.quiet) {
		return false
	}
	return f.refused.note(path, closed && !f.hasSession.Load())
}
