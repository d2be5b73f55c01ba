package signout

import (
	"context"
	"fmt"
	"strings"

	"github.com/caddy-jwt-session/caddy-jwt-session/ledger"
	"github.com/caddy-jwt-session/caddy-jwt-session/sessions"
	"github.com/caddy-jwt-session/caddy-jwt-session/validator"
)

// signOuts ends sessions of one realm.
type signOuts struct {
	realm, issuer string
	maps          []Mapping
	opens         bool // the gateway opens sessions of the realm itself
	ledger        *ledger.Ledger
}

func newSignOuts(block *SignOut, in *ledger.Ledger) *signOuts {
	return &signOuts{realm: block.Realm, issuer: block.Issuer, maps: block.Maps, opens: block.opensSessions(), ledger: in}
}

// carryOut ends the sessions that a statement is about.
func (s *signOuts) carryOut(ctx context.Context, said statement) (string, error) {
	outcome := ignored
	for _, one := range said.events {
		switch one.kind {
		case validator.EventVerifies:
			outcome = weightier(outcome, checked)
		case validator.EventSignsOut:
			found, err := s.signOut(ctx, one)
			if err != nil {
				return failed, err
			}
			if found > 0 {
				outcome = signedOut
			} else {
				outcome = weightier(outcome, nobody)
			}
		case validator.EventOther:
		}
	}
	return outcome, nil
}

// signOut ends the sessions of one event, and returns how many sessions or users were found.
func (s *signOuts) signOut(ctx context.Context, about event) (int, error) {
	found := 0
	for _, sid := range about.sessions {
		ended, err := s.ledger.EndSignedIn(ctx, s.realm, sessions.ProviderSessionOf(s.issuer, sid))
		if err != nil {
			return 0, err
		}
		found += ended
	}
	// The other sessions that the gateway opened go on. Where it opens none, it can't be told which the provider means.
	one := len(about.sessions) > 0 && s.opens
	for _, mapping := range s.maps {
		for _, value := range about.claim(mapping.Claim) {
			more, err := s.signOutUser(ctx, mapping, value, one)
			if err != nil {
				return 0, err
			}
			found += more
		}
	}
	return found, nil
}

// signOutUser signs out the users that a value of a claim names: from all sessions, or from those that were opened with no known
// session of the provider.
func (s *signOuts) signOutUser(ctx context.Context, mapping Mapping, value string, untied bool) (int, error) {
	folded := mapping.Claim == claimEmail
	if mapping.Attribute == "" && !folded {
		if !validator.IsUserID(value) {
			return 0, nil
		}
		return s.signOutNamed(ctx, value, untied)
	}
	// All records are read. One such search at a time is enough for any provider.
	select {
	case searching <- struct{}{}:
		defer func() { <-searching }()
	case <-ctx.Done():
		return 0, fmt.Errorf("waiting for another search: %w", ctx.Err())
	}
	switch {
	case mapping.Attribute != "" && untied:
		return s.revokeUntied(ctx, sessions.Query{Realm: s.realm}, func(session sessions.Session) bool {
			return holds(session.Attributes[mapping.Attribute], value, folded)
		})
	case mapping.Attribute != "":
		return s.ledger.RevokeAttribute(ctx, s.realm, mapping.Attribute, value, folded)
	default:
		return s.signOutFolded(ctx, value, untied)
	}
}

// searching is held while all records of a realm are read.
var searching = make(chan struct{}, 1)

// holds reports whether an attribute holds a value.
func holds(attribute sessions.Attribute, value string, folded bool) bool {
	for _, text := range attribute.Texts() {
		if text == value || folded && strings.EqualFold(text, value) {
			return true
		}
	}
	return false
}

// signOutFolded signs out the users whose id differs from an address in upper and lower case at most.
func (s *signOuts) signOutFolded(ctx context.Context, address string, untied bool) (int, error) {
	users := make(map[string]bool)
	if validator.IsUserID(address) {
		users[address] = true // who has no record, too
	}
	err := s.each(ctx, sessions.Query{Realm: s.realm}, func(session sessions.Session) error {
		if strings.EqualFold(session.User, address) {
			users[session.User] = true
		}
		return nil
	})
	if err != nil {
		return 0, err
	}
	found := 0
	for user := range users {
		more, err := s.signOutNamed(ctx, user, untied)
		if err != nil {
			return 0, err
		}
		found += more
	}
	return found, nil
}

// signOutNamed signs out one user. Who has no session that is known is revoked all the same: the application may know one.
func (s *signOuts) signOutNamed(ctx context.Context, user string, untied bool) (int, error) {
	query := sessions.Query{Realm: s.realm, User: user}
	if untied {
		return s.revokeUntied(ctx, query, func(sessions.Session) bool { return true })
	}
	query.Limit = 1
	page, err := s.ledger.List(ctx, query)
	if err != nil {
		return 0, err
	}
	return len(page.Sessions), s.ledger.RevokeUser(ctx, s.realm, user)
}

// revokeUntied revokes the sessions that match and were opened with no known session of the provider.
func (s *signOuts) revokeUntied(
	ctx context.Context, query sessions.Query, matches func(sessions.Session) bool,
) (int, error) {
	revoked := 0
	err := s.each(ctx, query, func(session sessions.Session) error {
		if session.Provider.Present() || !matches(session) {
			return nil
		}
		revoked++
		return s.ledger.RevokeSession(ctx, session.Key)
	})
	return revoked, err
}

// listed is how many sessions are listed at once.
const listed = 200

// each calls do with each active session of the query, page by page. It stops at the first error.
func (s *signOuts) each(ctx context.Context, query sessions.Query, do func(sessions.Session) error) error {
	query.Limit = listed
	for {
		page, err := s.ledger.List(ctx, query)
		if err != nil {
			return err
		}
		for _, session := range page.Sessions {
			if err := do(session); err != nil {
				return err
			}
		}
		if !page.More || len(page.Sessions) == 0 {
			return nil
		}
		query.After = page.Sessions[len(page.Sessions)-1].Hash
	}
}
