package validator

import (
	"fmt"
	"testing"
)

// The truth table. Each row names every value of the columns that it does not depend on as "any", and is run for all of
// them; together the rows cover every combination exactly once, which the test counts.

var (
	allTokens   = []TokenState{TokenUnusable, TokenAbsent, TokenForeign, TokenUsable, TokenState(99)}
	allBindings = []Binding{OtherSession, NoSession, SameSession, Binding(99)}
	allCookies  = []Presence{Unusable, Absent, Present, Presence(99)}
	allSessions = []SessionState{Unknown, NotAsked, Active, Undetermined, SessionState(99)}

	badToken   = []TokenState{TokenUnusable, TokenState(99)}
	badCookies = []Presence{Unusable, Presence(99)}
	noSession  = []SessionState{Unknown, SessionState(99)}
	elsewhere  = []Binding{OtherSession, Binding(99)}
)

type row struct {
	name     string
	mode     Mode
	tokens   []TokenState
	bindings []Binding
	cookies  []Presence
	sessions []SessionState
	want     Verdict
}

func one[T any](value T) []T { return []T{value} }

func truthTable() []row {
	present, absent := one(Present), one(Absent)
	rows := []row{
		{"usable, same session: token path, nobody is asked", Mixed, one(TokenUsable), one(SameSession), allCookies, allSessions, ByToken{}},
		{"usable, all cookies missing: unauthenticated, token left", Mixed, one(TokenUsable), one(NoSession), allCookies, allSessions, Unauthenticated{SessionMissing, LeaveToken}},
	}
	// A token that does not decide, whatever the reason, and what becomes of its cookie.
	for _, c := range []struct {
		name              string
		tokens            []TokenState
		bindings          []Binding
		active, otherwise TokenCookie
		absentReason      Reason
	}{
		{"bound to another session", one(TokenUsable), elsewhere, ReplaceToken, ClearToken, TokenOtherSession},
		{"not usable", badToken, allBindings, ReplaceToken, ClearToken, "why"},
		{"absent", one(TokenAbsent), allBindings, ReplaceToken, LeaveToken, "why"},
		{"of another realm", one(TokenForeign), allBindings, LeaveToken, LeaveToken, "why"},
	} {
		rows = append(rows,
			row{c.name + ", cookies absent", Mixed, c.tokens, c.bindings, absent, allSessions, Unauthenticated{c.absentReason, c.otherwise}},
			row{c.name + ", cookies unusable", Mixed, c.tokens, c.bindings, badCookies, allSessions, Unauthenticated{SessionAmbiguous, c.otherwise}},
			row{c.name + ", not asked", Mixed, c.tokens, c.bindings, present, one(NotAsked), AskSession{}},
			row{c.name + ", active: session path", Mixed, c.tokens, c.bindings, present, one(Active), BySession{c.active}},
			row{c.name + ", could not tell", Mixed, c.tokens, c.bindings, present, one(Undetermined), CouldNotTell{c.otherwise}},
			row{c.name + ", unknown", Mixed, c.tokens, c.bindings, present, noSession, Unauthenticated{SessionUnknown, c.otherwise}},
		)
	}
	return append(rows,
		row{"stateful, cookies absent", Stateful, allTokens, allBindings, absent, allSessions, Unauthenticated{"why", LeaveToken}},
		row{"stateful, cookies unusable", Stateful, allTokens, allBindings, badCookies, allSessions, Unauthenticated{SessionAmbiguous, LeaveToken}},
		row{"stateful, not asked", Stateful, allTokens, allBindings, present, one(NotAsked), AskSession{}},
		row{"stateful, active", Stateful, allTokens, allBindings, present, one(Active), BySession{LeaveToken}},
		row{"stateful, could not tell", Stateful, allTokens, allBindings, present, one(Undetermined), CouldNotTell{LeaveToken}},
		row{"stateful, unknown", Stateful, allTokens, allBindings, present, noSession, Unauthenticated{SessionUnknown, LeaveToken}},
		row{"no mode denies", Mode(0), allTokens, allBindings, allCookies, allSessions, Unauthenticated{NoCredentials, LeaveToken}},
		row{"an unknown mode denies", Mode(99), allTokens, allBindings, allCookies, allSessions, Unauthenticated{NoCredentials, LeaveToken}},
	)
}

func TestDecide(t *testing.T) {
	covered := make(map[string]string)
	for _, row := range truthTable() {
		t.Run(row.name, func(t *testing.T) {
			for evidence := range row.cells() {
				cell := fmt.Sprint(evidence.Mode, evidence.Token, evidence.Binding, evidence.Cookies.Presence, evidence.Session)
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
	if want := 4 * len(allTokens) * len(allBindings) * len(allCookies) * len(allSessions); len(covered) != want {
		t.Errorf("the rows cover %d cells of %d", len(covered), want)
	}
}

func (r row) cells() func(func(Evidence) bool) {
	return func(yield func(Evidence) bool) {
		for _, token := range r.tokens {
			for _, binding := range r.bindings {
				for _, cookies := range r.cookies {
					for _, session := range r.sessions {
						evidence := Evidence{
							Mode: r.mode, Token: token, Binding: binding,
							Cookies: SessionCredential{Presence: cookies}, Session: session, TokenReason: "why",
						}
						if !yield(evidence) {
							return
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
