package signout

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/caddy-jwt-session/caddy-jwt-session/internal/telemetry"
	"github.com/caddy-jwt-session/caddy-jwt-session/ledger"
	"github.com/caddy-jwt-session/caddy-jwt-session/validator"
)

const (
	// maxLogoutAge is how old a logout token may be. Providers give them two minutes.
	maxLogoutAge = 5 * time.Minute
	// maxRevocationAge is how old the token of a request to revoke may be.
	maxRevocationAge = 10 * time.Minute
	// maxEventAge is how old a security event may be. Providers keep events while a stream is out of reach. Until then the session
	// of a user may be older than the event; later, its revocation would be over anyway.
	maxEventAge = ledger.DefaultRevocationLife
)

// statement is what a provider's token says, once it is verified.
type statement struct {
	id      string
	expires time.Time
	events  []event
}

// event is one part of a statement.
type event struct {
	kind     validator.EventKind
	sessions []string              // at the provider; empty: all
	claim    func(string) []string // the values of a claim that names the user
}

// refusedError is a token that is not accepted, with the reason for the log.
type refusedError struct{ reason validator.Reason }

func (r refusedError) Error() string { return "the token is not accepted: " + string(r.reason) }

// verifier verifies one kind of token with the rules of a block.
type verifier func(block *SignOut, keys *validator.ProviderKeys, text string, now time.Time) (statement, validator.Reason)

func verifyLogout(block *SignOut, keys *validator.ProviderKeys, text string, now time.Time) (statement, validator.Reason) {
	rules := validator.LogoutRules{
		Issuer: block.Issuer, ClientID: block.clientID, MaxAge: maxLogoutAge, Leeway: time.Duration(block.Leeway),
	}
	token, reason := rules.Verify(keys, text, now)
	if reason != "" {
		return statement{}, reason
	}
	said := event{kind: validator.EventSignsOut, claim: func(name string) []string {
		if value := token.Claim(name); value != "" {
			return []string{value}
		}
		return nil
	}}
	if token.Session() != "" {
		said.sessions = []string{token.Session()}
	}
	return statement{id: token.ID(), expires: token.Expires(), events: []event{said}}, ""
}

func verifyEvents(block *SignOut, keys *validator.ProviderKeys, text string, now time.Time) (statement, validator.Reason) {
	rules := validator.EventRules{
		Issuer: block.Issuer, Audiences: block.audiences, MaxAge: maxEventAge, Leeway: time.Duration(block.Leeway),
	}
	token, reason := rules.Verify(keys, text, now)
	if reason != "" {
		return statement{}, reason
	}
	said := statement{id: token.ID(), expires: token.Expires()}
	for _, one := range token.Events() {
		said.events = append(said.events, event{kind: one.Kind, sessions: one.Subject.Sessions(), claim: one.Subject.Claim})
	}
	return said, ""
}

// verifyRequestFor returns the verifier of the token that authenticates a request about the subject in a body.
func verifyRequestFor(body []byte) verifier {
	return func(block *SignOut, keys *validator.ProviderKeys, text string, now time.Time) (statement, validator.Reason) {
		rules := validator.RevocationRules{
			Issuer: block.Issuer, ClientID: block.clientID, Audiences: block.audiences,
			MaxAge: maxRevocationAge, Leeway: time.Duration(block.Leeway),
		}
		token, reason := rules.Verify(keys, text, now)
		if reason != "" {
			return statement{}, reason
		}
		said := statement{id: token.ID(), expires: token.Expires()}
		if subject, ok := validator.ReadProviderSubject(body, block.Issuer, "sub_id", "subject"); ok {
			said.events = []event{{kind: validator.EventSignsOut, sessions: subject.Sessions(), claim: subject.Claim}}
		}
		return said, ""
	}
}

// verified verifies a token with the keys of the block's provider. It returns a [refusedError] for a token that is not accepted;
// any other error means that the keys are not known.
func (s *SignOut) verified(ctx context.Context, verify verifier, text string) (statement, error) {
	provider, err := s.app.Provider(s.options())
	if err != nil {
		return statement{}, err
	}
	var said statement
	reason, err := provider.Verify(ctx, func(keys *validator.ProviderKeys) (reason validator.Reason) {
		said, reason = verify(s, keys, text, s.app.Now())
		return reason
	})
	if err != nil {
		return statement{}, fmt.Errorf("verifying: %w", err)
	}
	if reason != "" {
		return statement{}, refusedError{reason}
	}
	return said, nil
}

// reasonOf returns why a token was refused, and false for any other error.
func reasonOf(err error) (validator.Reason, bool) {
	refused, ok := errors.AsType[refusedError](err)
	return refused.reason, ok
}

// outcomes of what came, as the metric and the status count them.
const (
	signedOut = telemetry.SignOutDone
	nobody    = telemetry.SignOutNobody
	checked   = telemetry.SignOutVerified
	ignored   = telemetry.SignOutIgnored
	again     = telemetry.SignOutRepeated
	refused   = telemetry.SignOutRefused
	failed    = telemetry.SignOutFailed
)
