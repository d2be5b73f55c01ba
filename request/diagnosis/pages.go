package diagnosis

import (
	"slices"

	"github.com/caddy-jwt-session/caddy-jwt-session/sessions"
	"github.com/caddy-jwt-session/caddy-jwt-session/sessions/whoami"
)

// Page is what an answer of the whoami page was that names nobody.
type Page struct {
	Reason whoami.Reason
	Miss   whoami.Miss
}

// From how many different sessions on a page that names nobody is a mistake: one that can't name anybody, one that lacks what
// was looked for, and one that says no more than that nobody is signed in, as it does to each visitor who is not.
const (
	enoughBroken = 3
	enoughAbsent = 5
	enoughPlain  = 10
)

// enough returns from how many different sessions on such a page is a mistake.
func enough(page Page) int {
	switch {
	case page.Reason == whoami.NotFound, page.Reason == whoami.NoMatch && page.Miss == whoami.NotJSON:
		return enoughBroken
	case page.Reason == whoami.NoMatch && page.Miss == whoami.NoSuchPath:
		return enoughAbsent
	default:
		return enoughPlain
	}
}

// IsBroken reports whether such a page can't name anybody, whoever is asked about.
func (p Page) IsBroken() bool { return enough(p) == enoughBroken }

// pages holds the sessions for which the page named nobody.
type pages struct {
	sessions []sessions.Hash // different ones, enoughPlain at most
	said     bool
}

func (p *pages) note(session sessions.Hash, page Page) int {
	if p.said {
		return 0
	}
	if len(p.sessions) < enoughPlain && !slices.ContainsFunc(p.sessions, session.Equal) {
		p.sessions = append(p.sessions, session)
	}
	if len(p.sessions) < enough(page) {
		return 0
	}
	p.said = true
	return len(p.sessions)
}
