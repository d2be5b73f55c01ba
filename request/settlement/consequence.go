package settlement

import (
	"errors"
	"net/http"

	"go.uber.org/zap"

	"github.com/caddy-jwt-session/caddy-jwt-session/internal/caching"
	"github.com/caddy-jwt-session/caddy-jwt-session/internal/cookie"
	"github.com/caddy-jwt-session/caddy-jwt-session/ledger"
	"github.com/caddy-jwt-session/caddy-jwt-session/request/arrival"
	"github.com/caddy-jwt-session/caddy-jwt-session/request/grant"
	"github.com/caddy-jwt-session/caddy-jwt-session/request/journey"
	"github.com/caddy-jwt-session/caddy-jwt-session/request/outcome"
	"github.com/caddy-jwt-session/caddy-jwt-session/sessions"
	"github.com/caddy-jwt-session/caddy-jwt-session/validator"
)

// evidence is what the response says, with the cookies that the browser has after it.
type evidence struct {
	validator.ResponseEvidence

	cookies validator.Cookies
	hasNew  bool // the response sets a new session cookie
}

// read collects the evidence.
func (s *Settlement) read(listener Listener, status int, header http.Header) evidence {
	named, err := listener.take(status, header, s.now)
	if err != nil {
		s.policy.Warn("the application's response_user header is ignored", zap.String("header", listener.Header), zap.Error(err))
	}
	user := s.found.Who.User
	read := evidence{ResponseEvidence: validator.ResponseEvidence{
		User: user, Over: s.after.ended || s.found.Session.Revoked, Forgets: s.came.Forget, Cookies: validator.SessionKept,
	}}
	if s.found.Core == nil {
		named = validator.Naming{} // nothing can be learned
	}
	if len(header["Set-Cookie"]) == 0 && named == (validator.Naming{}) {
		return read
	}
	s.readCookies(header, &read)
	if s.policy.Rolling && isReading(s.came.Request.Method) {
		of, _ := s.found.Lineage()
		read.Rolls = of.User == user && !caching.MayBeAnothers(status, header, s.now)
	}
	if named != (validator.Naming{}) {
		s.readName(named, &read)
	}
	return read
}

// readCookies adds what the response does to the session cookies.
func (s *Settlement) readCookies(header http.Header, read *evidence) {
	effect := cookie.Judge(s.exchange(header))
	read.cookies, read.hasNew = arrival.CookiesOf(effect.After), effect.HasNew
	read.After = s.policy.Site.Session.Cookies.Read(read.cookies)
	switch {
	case !effect.Ends:
		read.Cookies = validator.SessionKept
	case effect.Moves:
		read.Cookies = validator.SessionChanged
	default:
		read.Cookies = validator.SessionDropped
	}
}

// readName adds what the response says of its user.
func (s *Settlement) readName(named validator.Naming, read *evidence) {
	read.Names, read.Unproven = named, s.hearing.unproven
	read.RevokedSince = s.hearing.question != nil && s.found.Core.Ledger.Revoked(s.came.Key())
	if named.User != "" {
		read.NamesRevoked = s.found.Core.Ledger.IsUserRevoked(s.came.Realm, named.User)
		read.Fresh = s.isFresh(named.User, read.After)
	}
}

// isReading reports whether a request of this method does no more than read.
func isReading(method string) bool { return method == http.MethodGet || method == http.MethodHead }

// isFresh reports whether the session is known as the user's, from so short a time ago that nothing is to be written.
func (s *Settlement) isFresh(user string, session validator.SessionCredential) bool {
	record, token := s.after.record, s.found.Token
	switch {
	case s.found.Who.User != user || s.after.unkept || !session.Hash.Equal(s.after.held.Session.Hash):
		return false
	case record.User != "":
		return record.User == user && (record.Source == sessions.Added ||
			s.now.Sub(record.Confirmed) < s.policy.Site.Token.Lifetime-s.policy.RenewBefore)
	default:
		isBound := s.after.moved || validator.Bind(token, s.after.held.Session) == validator.SameSession
		return token.State == validator.TokenUsable && isBound && token.Claims.Subject() == user &&
			!outcome.IsDue(s.policy, token, s.now)
	}
}

// carryOut does what the response means. It reports whether the response must not go out.
func (s *Settlement) carryOut(read evidence, header http.Header) (isWithheld bool) {
	consequence := validator.Aftermath(read.ResponseEvidence)
	if follows, ok := consequence.(validator.Follows); ok {
		read = s.follow(follows, read, header)
		consequence = validator.Aftermath(read.ResponseEvidence)
	}
	s.beginAfter(read, consequence)
	switch consequence := consequence.(type) {
	case validator.Learns:
		return s.learn(consequence, read.cookies)
	case validator.Disowns:
		s.disown(read.After)
	case validator.Withholds:
		return true
	case validator.GoesOn, validator.Ends, validator.Follows:
		s.StopListening()
	}
	return false
}

// beginAfter ends the session that came where it is over, and notes which one the browser has from now on: only a session
// that the application opened after a revocation counts again for the user who was revoked.
func (s *Settlement) beginAfter(read evidence, consequence validator.Consequence) {
	if ends(consequence) {
		s.end()
	}
	s.forgetNobody()
	if s.after.ended {
		s.after.grant = grant.Withdrawn{}
	}
	if s.found.Core != nil && read.hasNew && read.After.Presence == validator.Present {
		s.found.Core.Ledger.SawSet(s.keyOf(read.After), s.found.Began)
	}
}

// ends reports whether the session that came is over by the response itself.
func ends(consequence validator.Consequence) bool {
	switch consequence := consequence.(type) {
	case validator.GoesOn, validator.Disowns:
		return false
	case validator.Learns:
		return consequence.Ends
	case validator.Withholds:
		return consequence.Ends
	case validator.Ends, validator.Follows: // it could not follow
		return true
	default:
		return true
	}
}

func (s *Settlement) keyOf(session validator.SessionCredential) sessions.Key {
	return sessions.Key{Realm: s.came.Realm, Hash: session.Hash}
}

// follow lets the identity go on under the new value. The session is then as if the request had come with the new value: it
// is as confirmed as it was, and the response brings a token that is bound to it. It returns the evidence as it is then.
// Where the session can't go on, the change is its end.
func (s *Settlement) follow(follows validator.Follows, read evidence, header http.Header) evidence {
	of, token := s.found.Lineage()
	session, err := s.found.Core.Ledger.Follow(s.found.Background(), ledger.Step{
		From: s.came.Key(), To: follows.To, Lineage: of, Token: token,
		Replaced: s.policy.Site.Token.Lifetime, Idle: s.policy.Site.Session.IdleTimeout,
	})
	if err != nil {
		if !errors.Is(err, ledger.ErrNotFollowed) {
			s.policy.Warn("following a session to its new cookie; it ends instead, and is asked about again", zap.Error(err))
		}
		read.Rolls = false
		return read
	}
	s.after.held, s.after.moved = &arrival.Held{Cookies: read.cookies, Session: read.After}, !token.IsZero()
	var next grant.Grant = grant.Moved{Renews: grant.Makes(s.after.grant)}
	if !s.after.moved {
		s.after.own = &session
		s.after.record = s.after.own
		next = grant.OfSession{Session: s.after.record}
	}
	if _, cleared := s.after.grant.(grant.Withdrawn); !cleared && s.tokensCount() {
		s.after.grant = s.found.Claim(next, s.keyOf(s.after.held.Session))
	}
	named := read.Names
	s.readCookies(header, &read)
	if named != (validator.Naming{}) {
		s.readName(named, &read)
	}
	return read
}

// tokensCount reports whether the route mints tokens into a cookie that is ours.
func (s *Settlement) tokensCount() bool {
	return s.policy.Site.Mode != validator.Stateful && s.found.Token.State != validator.TokenForeign
}

// questionOf returns the question that the response answers, about the session that the browser has.
func (s *Settlement) questionOf(session validator.SessionCredential) (of *ledger.Question, done func()) {
	if s.hearing.question != nil && s.keyOf(session) == s.came.Key() {
		return s.hearing.question, func() {}
	}
	of = s.found.Core.Ledger.AskSince(s.keyOf(session), s.came.Now)
	return of, of.Withdraw
}

// disown ends the session that came, unless it changed since the request went on.
func (s *Settlement) disown(session validator.SessionCredential) {
	of, done := s.questionOf(session)
	defer done()
	err := of.Nobody(s.found.Background(), 0)
	if errors.Is(err, ledger.ErrOvertaken) || errors.Is(err, ledger.ErrRevoked) {
		return
	}
	if s.end(); err != nil {
		s.policy.Warn("keeping the end of a session that a response told of", zap.Error(err))
	}
	s.after.grant = grant.Withdrawn{}
}

// learn learns or confirms the session, and lets the response bring a token for it. It reports whether the user turned out
// to be revoked.
func (s *Settlement) learn(learns validator.Learns, cookies validator.Cookies) (isRevoked bool) {
	of, done := s.questionOf(learns.Session)
	defer done()
	told := ledger.Identity{User: learns.User}
	if s.found.Who.User == learns.User && learns.Session.Hash.Equal(s.after.held.Session.Hash) {
		told.Attributes = s.attributes() // the header says nothing of them
	}
	session, err := of.Identified(s.found.Background(), told, s.policy.Lifetimes())
	unkept, isUnkept := errors.AsType[*ledger.UnkeptError](err)
	if err == nil || isUnkept {
		s.after.own, s.after.heard = &session, true
		s.noteLearned(learns)
	}
	switch {
	case errors.Is(err, ledger.ErrRevoked):
		return true
	case errors.Is(err, ledger.ErrOvertaken):
		return false
	case isUnkept && unkept.Known:
		outcome.WarnOfUnkept(s.policy, unkept)
	case err != nil:
		s.policy.Warn("learning a session that a response names the user of", zap.Error(err))
		return false
	}
	s.after.held, s.after.record = &arrival.Held{Cookies: cookies, Session: learns.Session}, s.after.own
	s.after.learned, s.after.ended, s.after.moved, s.after.unkept = true, false, false, false
	s.grantLearned()
	return false
}

// noteLearned notes what the name in the response shows of the configuration.
func (s *Settlement) noteLearned(learns validator.Learns) {
	s.policy.Findings.SignsIn()
	if before := s.found.Who.User; before != "" && before != learns.User && !learns.Ends && !s.after.ended &&
		learns.Session.Hash.Equal(s.came.Session.Hash) {
		s.policy.NoteOther(learns.Session.Hash, s.now)
	}
}

// grantLearned says what becomes of the token beside a session that was learned.
func (s *Settlement) grantLearned() {
	switch {
	case !s.tokensCount():
	case s.found.IsOutsideShare(s.after.held.Session, s.after.record.User):
		s.after.grant = grant.Withdrawn{}
	case s.policy.IsCurrent(*s.after.record, s.policy.Site.Token.Lifetime, s.now):
		s.after.grant = s.found.Claim(grant.OfSession{Session: s.after.record}, s.keyOf(s.after.held.Session))
	case grant.Makes(s.after.grant): // whoami is to tell more first
		s.after.grant = grant.Withdrawn{}
	}
}

// attributes returns what is known of the user by the session that came, or by the token that stands for it. What an access
// token says beside them is not the session's, and lasts no longer than that token.
func (s *Settlement) attributes() sessions.Attributes {
	switch {
	case s.after.record.User != "":
		return s.after.record.Attributes
	case s.found.Token.State == validator.TokenUsable &&
		validator.Bind(s.found.Token, s.after.held.Session) == validator.SameSession:
		return s.found.Token.Claims.Attributes()
	default:
		return nil
	}
}

// exchange returns what the effect of a response on the session cookies depends on.
func (s *Settlement) exchange(header http.Header) cookie.Exchange {
	names := s.policy.Site.Session.Cookies
	exchange := cookie.Exchange{
		Request: journey.Place(s.came.Request), IsSession: names.Match, Lines: header["Set-Cookie"], Now: s.now, Holds: s.holds,
	}
	sent := arrival.SessionPairs(names, s.after.held.Cookies)
	bound, _ := names.Restore(s.found.Token.Claims)
	switch {
	case s.hearing.withheld:
		exchange.Withheld = sent
	case s.found.Session.Restored:
		exchange.Sent = arrival.SessionPairs(names, bound)
	default:
		exchange.Sent, exchange.Bound = sent, arrival.SessionPairs(names, bound)
	}
	return exchange
}

// holds returns what is known of where the browser keeps a session cookie that came with the request.
func (s *Settlement) holds(pair cookie.Pair, variant cookie.Variant) cookie.Held {
	if s.found.Core == nil {
		return cookie.Unknown
	}
	return s.found.Core.Ledger.Places().Holds(s.came.Realm, pair, variant, s.found.Mark)
}
