package settlement

import (
	"errors"
	"net/http"
	"slices"
	"time"

	"go.uber.org/zap"

	"github.com/caddy-jwt-session/caddy-jwt-session/internal/caching"
	"github.com/caddy-jwt-session/caddy-jwt-session/internal/cookie"
	"github.com/caddy-jwt-session/caddy-jwt-session/internal/telemetry"
	"github.com/caddy-jwt-session/caddy-jwt-session/request/arrival"
	"github.com/caddy-jwt-session/caddy-jwt-session/request/carrier"
	"github.com/caddy-jwt-session/caddy-jwt-session/request/grant"
	"github.com/caddy-jwt-session/caddy-jwt-session/request/journey"
	"github.com/caddy-jwt-session/caddy-jwt-session/sessions"
	"github.com/caddy-jwt-session/caddy-jwt-session/validator"
)

// tokenLine returns the Set-Cookie line that is due, or nothing.
func (s *Settlement) tokenLine() string {
	if s.after.grant == nil {
		return ""
	}
	if line := s.mintedLine(); line != "" {
		return line
	}
	return s.clearLine()
}

// mintedLine returns the Set-Cookie line with a new token, or nothing where there can be none.
func (s *Settlement) mintedLine() string {
	token := s.mint()
	if token == "" {
		return ""
	}
	line := s.came.Carrier.Give(s.after.held.Cookies, token, s.maxAge())
	if !s.fits(line) {
		return ""
	}
	s.issued(len(token))
	return line
}

// clearLine returns the Set-Cookie line that takes the token from the browser, if there is one to take.
func (s *Settlement) clearLine() string {
	if !s.mayClear() {
		return ""
	}
	return s.came.Carrier.Take(carrier.Held{
		Cookies: s.after.held.Cookies, Presence: s.after.held.Session.Presence, IsDoubtful: s.isDoubtful,
	})
}

// mayClear reports whether there is a token to clear: one that came, is of no use, and is ours to judge.
func (s *Settlement) mayClear() bool {
	token := s.found.Token
	if !s.found.Sent || token.State == validator.TokenForeign {
		return false
	}
	if s.after.ended {
		return true
	}
	switch s.after.grant.(type) {
	case grant.Withdrawn:
		return true
	case grant.OfSession, grant.Renewed, grant.Moved:
		return token.State != validator.TokenUsable || validator.Bind(token, s.after.held.Session) != validator.SameSession
	default:
		return false
	}
}

// isDoubtful reports whether the browser may have a new session by now, whose id must not be written over: this one is
// revoked, or another request ended it since this one found it active.
func (s *Settlement) isDoubtful() bool {
	return s.found.Session.Revoked || !s.after.ended && s.after.record.AuthTime > 0 &&
		!s.found.Core.Ledger.MayMint(s.keyOf(s.after.held.Session), s.after.record.AuthTime)
}

// mint returns a new token, or nothing where there can be none.
func (s *Settlement) mint() string {
	token, err := s.mintGranted()
	if err != nil {
		if !errors.Is(err, validator.ErrNothingToMint) {
			s.policy.Warn("minting token", zap.Error(err))
		}
		return ""
	}
	return token
}

// mintGranted mints what the grant makes. Whether the session has ended is asked last of all.
func (s *Settlement) mintGranted() (string, error) {
	core, claims, key := s.found.Core, s.found.Token.Claims, s.keyOf(s.after.held.Session)
	switch granted := s.after.grant.(type) {
	case grant.OfSession:
		if core.Ledger.MayMintFor(*granted.Session) {
			return s.minter().Mint(*granted.Session, s.after.held.Session, s.now)
		}
	case grant.Renewed:
		if _, dead := core.Dead(claims); !dead && core.Ledger.MayMint(claims.SessionKey(), claims.AuthTime()) {
			return s.minter().Renew(claims, s.policy.Site.Session.MaxAge, s.now)
		}
	case grant.Moved:
		if _, dead := core.Dead(claims); dead || !core.Ledger.MayMint(key, claims.AuthTime()) {
			break
		}
		if s.isMoveRenewed(granted) {
			return s.minter().MoveRenewed(claims, s.after.held.Session, s.policy.Site.Session.MaxAge, s.now)
		}
		return s.minter().Move(claims, s.after.held.Session, s.now)
	case grant.Withdrawn: // makes none
	}
	return "", validator.ErrNothingToMint
}

// isMoveRenewed reports whether the moved token lasts longer than the one that came. Only where tokens count alone are they
// renewed by themselves.
func (s *Settlement) isMoveRenewed(moved grant.Moved) bool {
	return moved.Renews && s.policy.Site.Mode == validator.Stateless
}

func (s *Settlement) minter() validator.Minter { return s.policy.Minter(s.found.Core.Keys.Current()) }

// maxAge is how long the browser keeps the token that the grant makes: as long as it is open, or where the token stands
// alone its lifetime.
func (s *Settlement) maxAge() time.Duration {
	if s.policy.Site.Mode != validator.Stateless {
		return 0
	}
	var expires int64
	switch granted := s.after.grant.(type) {
	case grant.OfSession:
		expires = s.minter().Expires(*granted.Session, s.now)
	case grant.Renewed:
		expires = s.minter().ExpiresRenewed(s.found.Token.Claims, s.policy.Site.Session.MaxAge, s.now)
	case grant.Moved:
		if expires = s.found.Token.Claims.Expires(); granted.Renews {
			expires = s.minter().ExpiresRenewed(s.found.Token.Claims, s.policy.Site.Session.MaxAge, s.now)
		}
	case grant.Withdrawn: // makes none
	}
	return time.Duration(expires-s.now.Unix()) * time.Second
}

// fits reports whether browsers keep the Set-Cookie line.
func (s *Settlement) fits(line string) bool {
	if len(line) <= carrier.MaxSetCookie {
		return true
	}
	s.policy.Warn("a token is too large for a cookie, so its user stays on the session path",
		zap.Int("bytes", len(line)), zap.Int("limit", carrier.MaxSetCookie),
		zap.String("largest_attribute", largestAttribute(s.after.record.Attributes)))
	return false
}

// largestAttribute names the attribute that takes the most room in a token.
func largestAttribute(attributes sessions.Attributes) string {
	largest, size := "", 0
	for name, attribute := range attributes {
		text, err := attribute.MarshalJSON()
		if err == nil && (len(text) > size || len(text) == size && name < largest) {
			largest, size = name, len(text)
		}
	}
	return largest
}

// issued notes and counts a token that goes out with the response.
func (s *Settlement) issued(size int) {
	s.found.Minted(s.now)
	token, cause := s.found.Token, telemetry.CauseReplaced
	isOther := s.policy.Site.Mode != validator.Stateless && validator.Bind(token, s.after.held.Session) == validator.OtherSession
	switch {
	case token.State == validator.TokenAbsent:
		cause = telemetry.CauseFirst
	case token.State == validator.TokenUsable && !isOther:
		cause = telemetry.CauseRenewal
	}
	telemetry.TokensIssuedTotal.WithLabelValues(cause).Inc()
	telemetry.TokenSize.Observe(float64(size))
}

// joinToken lets the token go along where the application sets the cookie itself that carries it: a new one that is due, or
// the one that the browser has. Where the response must not carry a token, the line goes out plain.
func (s *Settlement) joinToken(header http.Header, mayCarry bool) {
	inSession, ok := s.came.Carrier.(*carrier.InSession)
	if !ok {
		return
	}
	minted := ""
	joining := carrier.Joining{
		At: journey.Place(s.came.Request), Now: s.now, Fits: s.fits,
		Sent:  arrival.SessionPairs(s.policy.Site.Session.Cookies, s.after.held.Cookies),
		Keeps: func(place cookie.Variant) bool { return s.keeps(inSession.Name, place) },
	}
	if mayCarry && !s.found.Session.Revoked {
		joining.Token = func() string {
			if grant.Makes(s.after.grant) {
				minted = s.mint()
			}
			if minted != "" || s.after.ended || s.mayClear() {
				return minted
			}
			return inSession.Kept()
		}
	}
	joined := inSession.Join(header, joining)
	if joined.Astray {
		s.policy.Warn("the application sets its session cookie with another path or domain than token_in_session_cookie has; " +
			"write the same there")
	}
	if joined.Carries {
		caching.KeepPrivate(header)
	}
	if joined.Carries && minted != "" {
		s.issued(len(minted))
	}
}

// keeps reports whether the browser is known to keep the session cookie in the place.
func (s *Settlement) keeps(name string, place cookie.Variant) bool {
	value := ""
	if at := slices.IndexFunc(s.after.held.Cookies, func(one validator.Cookie) bool { return one.Name == name }); at >= 0 {
		value = s.after.held.Cookies[at].Value
	}
	return s.holds(cookie.Pair{Name: name, Value: value}, place) == cookie.Here
}

// clearRevoked takes the cookies of a revoked session from the browser, those aside that the response sets anew, and reports
// whether it did.
func (s *Settlement) clearRevoked(header http.Header) bool {
	if !s.found.Session.Revoked {
		return false
	}
	cleared := false
	for _, sent := range s.after.held.Cookies {
		if !s.policy.Site.Session.Cookies.Match(sent.Name) || cookie.Gives(header["Set-Cookie"], sent.Name, s.now) {
			continue
		}
		if line := s.came.Carrier.RemoveSession(sent.Name); !slices.Contains(header["Set-Cookie"], line) {
			header.Add("Set-Cookie", line)
			cleared = true
		}
	}
	return cleared
}
