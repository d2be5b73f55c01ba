package question

import (
	"github.com/caddy-jwt-session/caddy-jwt-session/request/diagnosis"
	"github.com/caddy-jwt-session/caddy-jwt-session/sessions"
	"github.com/caddy-jwt-session/caddy-jwt-session/sessions/whoami"
)

// note notes what the answer shows of the configuration. Before is the active session that was asked about again, if it was
// known.
func (q question) note(answer whoami.Answer, outcome whoami.Outcome, before sessions.Session) {
	p := q.policy
	switch outcome := outcome.(type) {
	case whoami.Identified:
		p.Findings.PageNames()
		if before.User != "" && before.User != outcome.User {
			p.NoteOther(q.key.Hash, p.App.Now())
		}
	case whoami.Nobody:
		if p.Findings.WantsPages() { // it has named nobody so far, so this shows no end of a session
			page := diagnosis.Page{Reason: outcome.Reason, Miss: q.asker.Page.Miss(answer)}
			p.NoteUnnamed(q.ledger, q.key, page, answer, q.asker.Sought)
		} else if before.User != "" {
			p.NoteEndedUnseen(before, p.App.Now())
		}
	case whoami.CouldNotTell: // has a warning of its own
	}
}
