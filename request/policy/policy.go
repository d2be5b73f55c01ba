package policy

import (
	"time"

	"go.uber.org/zap"

	"github.com/caddy-jwt-session/caddy-jwt-session/app"
	"github.com/caddy-jwt-session/caddy-jwt-session/internal/telemetry"
	"github.com/caddy-jwt-session/caddy-jwt-session/ledger"
	"github.com/caddy-jwt-session/caddy-jwt-session/request/diagnosis"
	"github.com/caddy-jwt-session/caddy-jwt-session/sessions"
	"github.com/caddy-jwt-session/caddy-jwt-session/validator"
)

// Policy is what a handler wants of requests. Its methods are safe for concurrent use.
type Policy struct {
	App *app.App
	// Site is what the rest of the configuration knows of the handler: the realm, the mode, the session cookies, and how long
	// sessions and tokens last.
	Site *app.Site

	// Share is the share of the sessions that get tokens, in percent.
	Share float64
	// RenewBefore is how long before its end a token is replaced.
	RenewBefore time.Duration
	// ConfirmedFor is how long an answer of the application is good.
	ConfirmedFor time.Duration
	// TokenIssuer is the claim `iss` of tokens. It is empty if they have none.
	TokenIssuer string
	// RestoreSession reports whether a token that comes without any session cookie may stand for them.
	RestoreSession bool
	// AcceptBearer reports whether tokens of ours count in Authorization, too.
	AcceptBearer bool
	// Rolling reports whether the application changes the session cookie with every answer.
	Rolling bool
	// KeepStreams reports whether streams stay open when their session is over.
	KeepStreams bool
	// HasForgetOn reports whether forget_on is configured.
	HasForgetOn bool
	// Tells reports whether the application tells the attribute when it is asked. It is nil if the application is not asked.
	Tells func(attribute string) bool

	Logger *zap.Logger

	// Findings are the mistakes that requests have shown so far.
	Findings diagnosis.Findings

	warnings telemetry.Warnings
}

// Lifetimes returns how long sessions last.
func (p *Policy) Lifetimes() ledger.Lifetimes {
	return ledger.Lifetimes{Idle: p.Site.Session.IdleTimeout, MaxAge: p.Site.Session.MaxAge}
}

// Minter returns what mints tokens for the route.
func (p *Policy) Minter(keys *validator.KeySet) validator.Minter {
	return validator.Minter{
		Keys: keys, Issuer: p.TokenIssuer, Lifetime: p.Site.Token.Lifetime, Attributes: p.Site.Needs, Encrypt: p.Site.Token.Encrypt,
	}
}

// IsCurrent reports whether a record may be used as it is, if an answer of the application is good for maxAge.
func (p *Policy) IsCurrent(record sessions.Session, maxAge time.Duration, now time.Time) bool {
	if record.Source == sessions.Added {
		return true // the operator's word; nobody else is asked
	}
	if now.Sub(record.Confirmed) >= maxAge {
		return false
	}
	for _, name := range p.Site.Needs {
		if _, known := record.Attributes[name]; !known && p.Tells != nil && p.Tells(name) {
			return false
		}
	}
	return true
}
