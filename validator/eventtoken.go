package validator

import (
	"maps"
	"slices"
	"strings"
	"time"
)

// eventForm is the form of the security event tokens that are accepted (RFC 8417 section 2.3). They must say what they are.
var eventForm = form{
	size: maxForeignToken, kinds: []string{"secevent+jwt", "application/secevent+jwt"}, algorithms: theirs, foreign: true,
}

// EventRules are the rules for a security event token. The zero value accepts none.
type EventRules struct {
	// Issuer is what the claim iss must be, and the issuer of the subjects that count.
	Issuer string
	// Audiences holds the audiences of which the claim aud must name at least one.
	Audiences []string
	// MaxAge is how long ago the token may have been issued.
	MaxAge time.Duration
	// Leeway is how far the provider's clock may differ.
	Leeway time.Duration
}

// EventToken holds the events of a verified security event token. It is made by verification alone and never changes.
type EventToken struct {
	statement

	events []Event
}

// Events returns the events in the order of their types. The caller must not change them.
func (t *EventToken) Events() []Event { return t.events }

// Event is one event.
type Event struct {
	// Kind is what the event means here.
	Kind EventKind
	// Subject is who it is about.
	Subject ProviderSubject
}

// EventKind is what an event means here. The zero value is an event that nothing is done for.
type EventKind uint8

const (
	// EventOther is an event that is not known here, or that ends no session.
	EventOther EventKind = iota
	// EventSignsOut is an event that ends the sessions of its subject.
	EventSignsOut
	// EventVerifies is an event that shows that the stream works (Shared Signals Framework 1.0 section 8.1.4).
	EventVerifies
)

// eventKinds holds the types of the events that something is done for. All others are [EventOther]. It has each event of CAEP 1.0
// and RISC 1.0 after which a session may be somebody else's than the user's, or after which the user must not be in:
//
//   - a session, an account or a credential is over, or must be changed;
//   - a credential is known to others;
//   - an address or a number now belongs to another user.
//
// Of these two specifications, the following end nothing: token-claims-change, assurance-level-change, device-compliance-change,
// risk-level-change, session-established and session-presented of CAEP, and account-enabled, identifier-changed, opt-in,
// opt-out-initiated, opt-out-cancelled, opt-out-effective, recovery-activated and recovery-information-changed of RISC. They
// tell what the user may do or has done, and the session is still the user's.
//
// Google sends tokens-revoked where a user takes all permissions from this client, also that of signing in.
// Its token-revoked is about one token.
var eventKinds = map[string]EventKind{
	"https://schemas.openid.net/secevent/caep/event-type/session-revoked":                    EventSignsOut,
	"https://schemas.openid.net/secevent/caep/event-type/credential-change":                  EventSignsOut,
	"https://schemas.openid.net/secevent/risc/event-type/account-credential-change-required": EventSignsOut,
	"https://schemas.openid.net/secevent/risc/event-type/account-disabled":                   EventSignsOut,
	"https://schemas.openid.net/secevent/risc/event-type/account-purged":                     EventSignsOut,
	"https://schemas.openid.net/secevent/risc/event-type/credential-compromise":              EventSignsOut,
	"https://schemas.openid.net/secevent/risc/event-type/identifier-recycled":                EventSignsOut,
	"https://schemas.openid.net/secevent/risc/event-type/sessions-revoked":                   EventSignsOut,
	"https://schemas.openid.net/secevent/oauth/event-type/tokens-revoked":                    EventSignsOut,
	"https://schemas.openid.net/secevent/ssf/event-type/verification":                        EventVerifies,
	"https://schemas.openid.net/secevent/sse/event-type/verification":                        EventVerifies, // drafts of the framework
	"https://schemas.openid.net/secevent/risc/event-type/verification":                       EventVerifies, // RISC before it, as Google sends it
}

// Verify verifies a security event token with the keys of its provider (RFC 8417 section 4, Shared Signals Framework 1.0 section
// 4.1). The token is nil unless the reason is empty. Verify does not check whether the token came before.
func (r EventRules) Verify(keys *ProviderKeys, text string, now time.Time) (*EventToken, Reason) {
	claims, reason := verifiedClaims(keys, text, eventForm)
	if reason != "" {
		return nil, reason
	}
	common := statementRules{issuer: r.Issuer, audiences: r.Audiences, maxAge: r.MaxAge, leeway: r.Leeway}
	read, reason := common.read(claims, now)
	if reason != "" {
		return nil, reason
	}
	events, ok := claims.object("events")
	if !ok {
		return nil, TokenMalformed
	}
	if len(events) == 0 {
		return nil, TokenNoEvent
	}
	token := &EventToken{statement: read}
	for _, name := range slices.Sorted(maps.Keys(events)) {
		payload, ok := events.object(name)
		if !ok {
			return nil, TokenMalformed
		}
		subject, ok := subjectOfEvent(claims, payload, r.Issuer)
		if !ok {
			return nil, TokenMalformed
		}
		token.events = append(token.events, Event{Kind: eventKinds[name], Subject: subject})
	}
	return token, ""
}

// subjectOfEvent returns the subject of an event: that of the token (RFC 9493 section 4.1), or that of the event itself, where
// earlier drafts had it, or the claim sub.
func subjectOfEvent(claims, payload foreignClaims, issuer string) (ProviderSubject, bool) {
	subject := ProviderSubject{}
	for _, place := range []struct {
		in   foreignClaims
		name string
	}{{claims, "sub_id"}, {payload, "subject"}, {payload, "sub_id"}} {
		read, ok := place.in.object(place.name)
		if !ok || !subject.read(read, issuer, 0) {
			return ProviderSubject{}, false
		}
	}
	name, ok := claims.text("sub")
	if ok && !subject.Known() {
		subject.add("sub", name)
	}
	return subject, ok
}

// ProviderSubject is who or what an event, or a request, of a provider is about. The zero value names nobody.
type ProviderSubject struct {
	claims   map[string][]string
	sessions []string
}

// maxIdentifiers is how many identifiers of one subject are read.
const maxIdentifiers = 20

// ReadProviderSubject reads a subject identifier (RFC 9493 section 3) that is a member of a JSON object. Identifiers of another
// issuer name nobody here. It returns false for a text that is no such object, or whose member is no subject identifier.
func ReadProviderSubject(text []byte, issuer string, members ...string) (ProviderSubject, bool) {
	if len(text) > maxForeignToken {
		return ProviderSubject{}, false
	}
	object, ok := readForeignClaims(text)
	if !ok {
		return ProviderSubject{}, false
	}
	subject, found := ProviderSubject{}, false
	for _, name := range members {
		read, ok := object.object(name)
		if !ok || !subject.read(read, issuer, 0) {
			return ProviderSubject{}, false
		}
		found = found || read != nil
	}
	return subject, found
}

// Known reports whether the subject names anybody or anything.
func (s ProviderSubject) Known() bool { return len(s.claims) > 0 || len(s.sessions) > 0 }

// Claim returns what the subject has in the place of a claim of the provider's tokens. The caller must not change it.
func (s ProviderSubject) Claim(name string) []string { return s.claims[name] }

// Sessions returns the sessions at the provider (sid). It is empty if the subject is about all sessions of the user. The caller
// must not change them.
func (s ProviderSubject) Sessions() []string { return s.sessions }

func (s *ProviderSubject) add(claim, text string) {
	if text == "" || slices.Contains(s.claims[claim], text) {
		return
	}
	if s.claims == nil {
		s.claims = make(map[string][]string)
	}
	s.claims[claim] = append(s.claims[claim], text)
}

// plainFormats holds the formats of one member (RFC 9493 section 3.2): the member, and the claim that it stands for.
var plainFormats = map[string][2]string{
	"email": {"email", "email"}, "opaque": {"id", "sub"}, "phone_number": {"phone_number", "phone_number"},
	"account": {"uri", "account"}, "uri": {"uri", "uri"}, "did": {"url", "did"},
}

// read adds what a subject identifier names. It returns false if a member is malformed. A format that is not known names
// nobody, and so does the nil identifier.
func (s *ProviderSubject) read(identifier foreignClaims, issuer string, depth int) bool {
	format, okFormat := identifier.text("format")
	if okFormat && format == "" {
		var legacy string
		legacy, okFormat = identifier.text("subject_type") // of the drafts that RISC began with
		format = strings.ReplaceAll(legacy, "-", "_")
	}
	if !okFormat || depth > 1 {
		return false
	}
	switch format {
	case "iss_sub", "id_token_claims":
		return s.readIssuerSubject(identifier, issuer)
	case "aliases":
		return s.readAliases(identifier, issuer, depth)
	case "complex", "":
		return s.readComplex(identifier, issuer, depth)
	}
	if plain, known := plainFormats[format]; known {
		text, ok := identifier.text(plain[0])
		s.add(plain[1], text)
		return ok && text != ""
	}
	return true
}

func (s *ProviderSubject) readIssuerSubject(identifier foreignClaims, issuer string) bool {
	of, okIssuer := identifier.text("iss")
	name, okName := identifier.text("sub")
	email, okEmail := identifier.text("email")
	if !okIssuer || !okName || !okEmail || of == "" || name == "" && email == "" {
		return false
	}
	if of == issuer {
		s.add("sub", name)
		s.add("email", email)
	}
	return true
}

func (s *ProviderSubject) readAliases(identifier foreignClaims, issuer string, depth int) bool {
	elements, ok := elementsOf(identifier["identifiers"])
	if !ok || len(elements) == 0 || len(elements) > maxIdentifiers {
		return false
	}
	for _, element := range elements {
		one, ok := readForeignClaims(element)
		if !ok || !s.read(one, issuer, depth+1) {
			return false
		}
	}
	return true
}

// readComplex reads a subject of several members, of which the user and the session count (Shared Signals Framework 1.0
// section 3.2).
func (s *ProviderSubject) readComplex(identifier foreignClaims, issuer string, depth int) bool {
	user, okUser := identifier.object("user")
	session, okSession := identifier.object("session")
	if !okUser || !okSession || user != nil && !s.read(user, issuer, depth+1) {
		return false
	}
	if session == nil {
		return true
	}
	var named ProviderSubject
	if !named.read(session, issuer, depth+1) {
		return false
	}
	s.sessions = append(s.sessions, named.claims["sub"]...)
	return true
}
