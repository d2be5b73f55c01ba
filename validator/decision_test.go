package validator

import (
	"fmt"
	"testing"
)

// The truth table. Each row names the values of the columns that it is for and is run for all of them; together the rows
// cover every combination exactly once, which the test counts.

var (
	allTokens   = []TokenState{TokenUnusable, TokenAbsent, TokenForeign, TokenUsable, TokenState(99)}
	allBindings = []Binding{OtherSession, NoSession, SameSession, Binding(99)}
	allCookies  = []Presence{Unusable, Absent, Present, Presence(99)}
	allSessions = []SessionState{Unknown, NotAsked, Active, Undetermined, Revoked, Nobody, SessionState(99)}
	either      = []bool{false, true}

	badToken   = []TokenState{TokenUnusable, TokenState(99)}
	badCookies = []Presence{Unusable, Presence(99)}
	noSession  = []SessionState{Unknown, Nobody, SessionState(99)}
	elsewhere  = []Binding{OtherSession, Binding(99)}
	notRevoked = []SessionState{Unknown, NotAsked, Active, Undetermined, Nobody, SessionState(99)}
)

type row struct {
	name     string
	mode     Mode
	tokens   []TokenState
	bindings []Binding
	cookies  []Presence
	sessions []SessionState
	restore  []bool
	outside  []bool
	want     Verdict
}

func one[T any](value T) []T { return []T{value} }

// bySessionAlone are the rows of a token that does not decide, with what becomes of its cookie.
func bySessionAlone(given row, active, otherwise TokenCookie, tokenReason Reason) []row {
	rows := make([]row, 0, 7)
	for _, part := range []struct {
		name     string
		cookies  []Presence
		sessions []SessionState
		want     Verdict
	}{
		{"cookies absent", one(Absent), allSessions, Unauthenticated{tokenReason, otherwise}},
		{"cookies unusable", badCookies, allSessions, Unauthenticated{SessionAmbiguous, otherwise}},
		{"not asked", one(Present), one(NotAsked), AskSession{}},
		{"active: session path", one(Present), one(Active), BySession{active, tokenReason}},
		{"could not tell", one(Present), one(Undetermined), CouldNotTell{otherwise}},
		{"revoked", one(Present), one(Revoked), Unauthenticated{SessionRevoked, otherwise}},
		{"unknown", one(Present), noSession, Unauthenticated{SessionUnknown, otherwise}},
	} {
		next := given
		next.name += ", " + part.name
		next.cookies, next.sessions, next.want = part.cookies, part.sessions, part.want
		rows = append(rows, next)
	}
	return rows
}

func truthTable() []row {
	in, no, yes := one(false), one(false), one(true)
	usable := one(TokenUsable)
	rows := []row{
		{"mixed: usable, same session: token path, nobody is asked", Mixed, usable, one(SameSession), allCookies, notRevoked, either, in, ByToken{}},
		{"mixed: usable, same session, which is revoked", Mixed, usable, one(SameSession), allCookies, one(Revoked), either, in, Unauthenticated{SessionRevoked, ClearToken}},
		{"mixed: usable, all cookies missing: token left", Mixed, usable, one(NoSession), allCookies, allSessions, no, in, Unauthenticated{SessionMissing, LeaveToken}},
		{"mixed: usable, all cookies missing, restored", Mixed, usable, one(NoSession), allCookies, allSessions, yes, in, ByToken{Restore: true}},

		{"stateless: usable, cookies missing, restored", Stateless, usable, one(NoSession), allCookies, allSessions, yes, either, ByToken{Restore: true}},
		{"stateless: usable, cookies missing", Stateless, usable, one(NoSession), allCookies, allSessions, no, either, ByToken{}},
		{"stateless: usable, whatever the cookies", Stateless, usable, []Binding{OtherSession, SameSession, Binding(99)}, allCookies, allSessions, either, either, ByToken{}},
		{"stateless: absent or foreign", Stateless, []TokenState{TokenAbsent, TokenForeign}, allBindings, allCookies, allSessions, either, either, Unauthenticated{"why", LeaveToken}},
		{"stateless: not usable", Stateless, badToken, allBindings, allCookies, allSessions, either, either, Unauthenticated{"why", ClearToken}},

		{"no mode denies", Mode(0), allTokens, allBindings, allCookies, allSessions, either, either, Unauthenticated{NoCredentials, LeaveToken}},
		{"an unknown mode denies", Mode(99), allTokens, allBindings, allCookies, allSessions, either, either, Unauthenticated{NoCredentials, LeaveToken}},
	}
	for _, c := range []struct {
		given             row
		active, otherwise TokenCookie
		tokenReason       Reason
	}{
		{row{name: "mixed: bound to another session", mode: Mixed, tokens: usable, bindings: elsewhere, outside: in}, ReplaceToken, ClearToken, TokenOtherSession},
		{row{name: "mixed: not usable", mode: Mixed, tokens: badToken, bindings: allBindings, outside: in}, ReplaceToken, ClearToken, "why"},
		{row{name: "mixed: absent", mode: Mixed, tokens: one(TokenAbsent), bindings: allBindings, outside: in}, ReplaceToken, LeaveToken, "why"},
		{row{name: "mixed: of another realm", mode: Mixed, tokens: one(TokenForeign), bindings: allBindings, outside: either}, LeaveToken, LeaveToken, "why"},
		{row{name: "mixed: outside the share", mode: Mixed, tokens: []TokenState{TokenUnusable, TokenAbsent, TokenState(99)}, bindings: allBindings, outside: yes}, ClearToken, ClearToken, "why"},
		{row{name: "mixed: usable, outside the share", mode: Mixed, tokens: usable, bindings: allBindings, outside: yes}, ClearToken, ClearToken, TokenOutsideShare},

		{row{name: "stateful", mode: Stateful, tokens: allTokens, bindings: allBindings, outside: either}, LeaveToken, LeaveToken, "why"},

		{row{name: "shadow: usable, same session", mode: Shadow, tokens: usable, bindings: one(SameSession), outside: either}, LeaveToken, ClearToken, "why"},
		{row{name: "shadow: usable, cookies missing", mode: Shadow, tokens: usable, bindings: one(NoSession), outside: either}, ReplaceToken, LeaveToken, SessionMissing},
		{row{name: "shadow: bound to another session", mode: Shadow, tokens: usable, bindings: elsewhere, outside: either}, ReplaceToken, ClearToken, TokenOtherSession},
		{row{name: "shadow: not usable", mode: Shadow, tokens: badToken, bindings: allBindings, outside: either}, ReplaceToken, ClearToken, "why"},
		{row{name: "shadow: absent", mode: Shadow, tokens: one(TokenAbsent), bindings: allBindings, outside: either}, ReplaceToken, LeaveToken, "why"},
		{row{name: "shadow: of another realm", mode: Shadow, tokens: one(TokenForeign), bindings: allBindings, outside: either}, LeaveToken, LeaveToken, "why"},
	} {
		c.given.restore = either
		rows = append(rows, bySessionAlone(c.given, c.active, c.otherwise, c.tokenReason)...)
	}
	return rows
}

func TestDecide(t *testing.T) {
	covered := make(map[string]string)
	for _, row := range truthTable() {
		t.Run(row.name, func(t *testing.T) {
			for evidence := range row.cells() {
				cell := fmt.Sprint(evidence.Mode, evidence.Token, evidence.Binding, evidence.Cookies.Presence, evidence.Session,
					evidence.MayRestore, evidence.OutsideShare)
				if other, twice := covered[cell]; twice {
					t.Fatalf("cell %s is in two rows: %q and %q", cell, other, row.name)
				}
				covered[cell] = row.name
				if got := Decide(evidence); got != row.want {
					t.Errorf("%+v: got %#v, want %#v", evidence, got, row.want)
				}
			}
		})
	}
	const modes = 6
	want := modes * len(allTokens) * len(allBindings) * len(allCookies) * len(allSessions) * len(either) * len(either)
	if len(covered) != want {
		t.Errorf("the rows cover %d cells of %d", len(covered), want)
	}
}

func (r row) cells() func(func(Evidence) bool) {
	return func(yield func(Evidence) bool) {
		for _, token := range r.tokens {
			for _, binding := range r.bindings {
				for _, cookies := range r.cookies {
					for _, session := range r.sessions {
						for _, restore := range r.restore {
							for _, outside := range r.outside {
								if !yield(Evidence{
									Mode: r.mode, Token: token, Binding: binding,
									Cookies: SessionCredential{Presence: cookies}, Session: session, TokenReason: "why",
									MayRestore: restore, OutsideShare: outside,
								}) {
									return
								}
							}
						}
					}
				}
			}
		}
	}
}

func TestZeroEvidenceDenies(t *testing.T) {
	if got := Decide(Evidence{}); got != (Unauthenticated{Reason: NoCredentials}) {
		t.Errorf("got %#v", got)
	}
	if got := Bind(Token{}, SessionCredential{}); got != OtherSession {
		t.Errorf("an empty token is bound: %v", got)
	}
	if got := (&Verifier{}).Verify(TokenCredential{}, testNow, Route{}); got.State != TokenUnusable {
		t.Errorf("a zero verifier accepts: %+v", got)
	}
}
