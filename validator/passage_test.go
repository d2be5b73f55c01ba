package validator

import (
	"fmt"
	"testing"
)

// passageRow names the values of the columns that it is for, and is run for all of them. The rows cover every combination
// exactly once, which the test counts.
type passageRow struct {
	name       string
	cookies    []Presence
	sessions   []SessionState
	identified []bool
	bound      []bool
	revoking   []bool
	setSince   []bool
	want       Passage
}

func passageTable() []passageRow {
	yes, no := one(true), one(false)
	unusable := []Presence{Unusable, Presence(99)}
	judged := []SessionState{Active, Nobody}
	unjudged := []SessionState{Unknown, NotAsked, SessionState(99)}
	determined := []SessionState{Unknown, NotAsked, Active, Nobody, SessionState(99)}
	return []passageRow{
		{"a revoked session never reaches the application", allCookies, one(Revoked), either, either, either, either, WithholdSession},
		{"without a revocation everything goes on", allCookies, notRevoked, either, either, no, either, ForwardSession},
		{"there is nothing to withhold", one(Absent), notRevoked, either, either, yes, either, ForwardSession},
		{"unusable cookies are never judged", unusable, determined, either, either, yes, either, WithholdSession},
		{"unusable cookies beside a question without an answer", unusable, one(Undetermined), no, either, yes, either, RefuseRequest},
		{"the same with another identity", unusable, one(Undetermined), yes, either, yes, either, WithholdSession},
		{"bound to the token that decided", one(Present), notRevoked, either, yes, yes, either, ForwardSession},
		{"judged", one(Present), judged, either, no, yes, either, ForwardSession},
		{"could not tell", one(Present), one(Undetermined), no, no, yes, either, RefuseRequest},
		{"could not tell, with another identity", one(Present), one(Undetermined), yes, no, yes, either, WithholdSession},
		{"set after the revocation", one(Present), unjudged, either, no, yes, yes, ForwardSession},
		{"nobody was asked", one(Present), unjudged, either, no, yes, no, WithholdSession},
	}
}

func TestPass(t *testing.T) {
	covered := make(map[string]string)
	for _, row := range passageTable() {
		t.Run(row.name, func(t *testing.T) {
			for evidence := range row.cells() {
				cell := fmt.Sprint(evidence)
				if other, twice := covered[cell]; twice {
					t.Fatalf("cell %s is in two rows: %q and %q", cell, other, row.name)
				}
				covered[cell] = row.name
				if got := Pass(evidence); got != row.want {
					t.Errorf("%+v: got %v, want %v", evidence, got, row.want)
				}
			}
		})
	}
	if want := len(allCookies) * len(allSessions) * 16; len(covered) != want {
		t.Errorf("the rows cover %d cells of %d", len(covered), want)
	}
}

func (r passageRow) cells() func(func(PassageEvidence) bool) {
	return func(yield func(PassageEvidence) bool) {
		for _, cookies := range r.cookies {
			for _, session := range r.sessions {
				for bits := range 16 {
					evidence := PassageEvidence{
						Cookies: cookies, Session: session,
						Identified: bits&1 > 0, Bound: bits&2 > 0, Revoking: bits&4 > 0, SetSince: bits&8 > 0,
					}
					if r.has(evidence) && !yield(evidence) {
						return
					}
				}
			}
		}
	}
}

func (r passageRow) has(e PassageEvidence) bool {
	in := func(values []bool, value bool) bool { return len(values) == 2 || values[0] == value }
	return in(r.identified, e.Identified) && in(r.bound, e.Bound) && in(r.revoking, e.Revoking) && in(r.setSince, e.SetSince)
}

func TestZeroPassageWithholds(t *testing.T) {
	if got := Passage(0); got != WithholdSession {
		t.Errorf("the zero value is %v", got)
	}
	if got := Pass(PassageEvidence{Revoking: true}); got != WithholdSession {
		t.Errorf("nothing known: got %v", got)
	}
}
