package validator

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/caddy-jwt-session/caddy-jwt-session/sessions"
)

// aftermathTable says what each response means, in words: the first row that matches counts. A cell that is - matches
// everything, and a cell with several words matches each of them.
//
//   - user: whether the request went on as somebody
//   - over: whether the session that came was over before
//   - forget: whether the request matches forget_on
//   - change: what the response does to the cookies
//   - after: whether the browser has one session after it
//   - rolls: whether the application changes ids, and this may be such an answer
//   - names: nothing, nobody, the same user or another one
//   - proven: whether the application can know the user by the session alone
//   - fresh: whether the session is known as the named user's
//   - revoked: whether the named user is
//   - since: whether the session that came was revoked meanwhile
const aftermathTable = `
	user  over  forget  change                after    rolls  names         proven  fresh  revoked  since  | means
	yes   no    no      changed               one      yes    nothing,same  -       -      -        -      | follows
	-     -     no      kept                  -        -      nothing       -       -      -        -      | goes on
	-     -     -       -                     -        -      nothing       -       -      -        -      | ends
	-     -     no      kept                  none     -      nobody        -       -      -        -      | goes on
	-     -     -       -                     none     -      nobody        -       -      -        -      | ends
	-     -     no      kept                  -        -      nobody        -       -      -        yes    | goes on
	-     -     -       -                     -        -      nobody        -       -      -        yes    | ends
	yes   no    no      kept                  one      -      nobody        -       -      -        no     | disowns
	-     -     no      kept                  one      -      nobody        -       -      -        no     | goes on
	-     -     -       -                     one      -      nobody        -       -      -        no     | ends
	-     -     no      kept                  none     -      same,other    -       -      yes      -      | withholds
	-     -     -       -                     none     -      same,other    -       -      yes      -      | withholds, ends
	-     -     no      kept                  none     -      same,other    -       -      no       -      | goes on
	-     -     -       -                     none     -      same,other    -       -      no       -      | ends
	-     -     no      kept                  one      -      same,other    -       -      yes      yes    | withholds
	-     -     -       -                     one      -      same,other    -       -      yes      yes    | withholds, ends
	-     -     no      kept                  one      -      same,other    -       -      no       yes    | goes on
	-     -     -       -                     one      -      same,other    -       -      no       yes    | ends
	-     -     no      kept                  one      -      other         no      -      yes      no     | withholds
	-     -     -       -                     one      -      other         no      -      yes      no     | withholds, ends
	-     -     no      kept                  one      -      same,other    no      -      -        no     | goes on
	-     -     -       -                     one      -      same,other    no      -      -        no     | ends
	-     no    no      kept                  one      -      same,other    yes     yes    -        no     | goes on
	-     -     no      kept                  one      -      same,other    yes     -      -        no     | learns
	-     -     -       -                     one      -      same,other    yes     -      -        no     | learns, ends
`

// aftermathRow is one row of the table.
type aftermathRow struct {
	cells []string
	means string
	hits  int
}

func aftermathRows(t *testing.T) []*aftermathRow {
	t.Helper()
	lines := strings.Split(strings.TrimSpace(aftermathTable), "\n")
	var rows []*aftermathRow
	for _, line := range lines[1:] {
		cells, means, found := strings.Cut(line, "|")
		row := &aftermathRow{cells: strings.Fields(cells), means: strings.TrimSpace(means)}
		if !found || len(row.cells) != 11 {
			t.Fatalf("not a row: %s", line)
		}
		rows = append(rows, row)
	}
	return rows
}

func (r *aftermathRow) matches(words []string) bool {
	for i, cell := range r.cells {
		if cell != "-" && !slices.Contains(strings.Split(cell, ","), words[i]) {
			return false
		}
	}
	return true
}

func word(is bool, yes, no string) string {
	if is {
		return yes
	}
	return no
}

// wordsOf describes the evidence in the words of the table.
func wordsOf(e ResponseEvidence) []string {
	names := "nothing"
	switch {
	case e.Names.Nobody:
		names = "nobody"
	case e.Names.User != "":
		names = word(e.Names.User == e.User, "same", "other")
	}
	change := map[CookieChange]string{SessionDropped: "dropped", SessionKept: "kept", SessionChanged: "changed"}[e.Cookies]
	return []string{
		word(e.User != "", "yes", "no"), word(e.Over, "yes", "no"), word(e.Forgets, "yes", "no"), change,
		word(e.After.Presence == Present, "one", "none"), word(e.Rolls, "yes", "no"), names, word(e.Unproven, "no", "yes"),
		word(e.Fresh, "yes", "no"), word(e.NamesRevoked, "yes", "no"), word(e.RevokedSince, "yes", "no"),
	}
}

// meaningOf describes a consequence in the words of the table. It also checks what goes with it.
func meaningOf(t *testing.T, e ResponseEvidence, consequence Consequence) string {
	t.Helper()
	switch consequence := consequence.(type) {
	case GoesOn:
		return "goes on"
	case Ends:
		return "ends"
	case Disowns:
		return "disowns"
	case Follows:
		if consequence.To != e.After.Hash {
			t.Errorf("%v: it follows to another session than the browser has", wordsOf(e))
		}
		return "follows"
	case Learns:
		if consequence.User != e.Names.User || consequence.Session != e.After || consequence.User == "" {
			t.Errorf("%v: it learns %q of another session or user", wordsOf(e), consequence.User)
		}
		return word(consequence.Ends, "learns, ends", "learns")
	case Withholds:
		return word(consequence.Ends, "withholds, ends", "withholds")
	default:
		return fmt.Sprintf("%T", consequence)
	}
}

// everyResponse calls a function with every combination of what Aftermath decides by.
func everyResponse(each func(ResponseEvidence)) {
	bools := []bool{false, true}
	var base []ResponseEvidence
	for _, user := range []string{"", "alice"} {
		for _, over := range bools {
			for _, forgets := range bools {
				for _, rolls := range bools {
					base = append(base, ResponseEvidence{User: user, Over: over, Forgets: forgets, Rolls: rolls})
				}
			}
		}
	}
	var credentials []SessionCredential
	for _, presence := range []Presence{Unusable, Absent, Present} {
		credentials = append(credentials, SessionCredential{Presence: presence, Hash: sessions.HashOf("after")})
	}
	for _, e := range base {
		for _, change := range []CookieChange{SessionDropped, SessionKept, SessionChanged} {
			for _, after := range credentials {
				for _, names := range []Naming{{}, {Nobody: true}, {User: "alice"}, {User: "bob"}} {
					for flags := range 16 {
						e.Cookies, e.After, e.Names = change, after, names
						e.Unproven, e.Fresh, e.NamesRevoked, e.RevokedSince = flags&1 > 0, flags&2 > 0, flags&4 > 0, flags&8 > 0
						each(e)
					}
				}
			}
		}
	}
}

// Every combination of what is known of a response comes exactly once, and means what the first row that matches says.
func TestAftermath(t *testing.T) {
	rows := aftermathRows(t)
	seen := make(map[string]bool)
	everyResponse(func(e ResponseEvidence) {
		seen[fmt.Sprintf("%+v %d", e, e.After.Presence)] = true
		words := wordsOf(e)
		at := slices.IndexFunc(rows, func(row *aftermathRow) bool { return row.matches(words) })
		if at < 0 {
			t.Fatalf("no row matches %v", words)
		}
		rows[at].hits++
		if got := meaningOf(t, e, Aftermath(e)); got != rows[at].means {
			t.Errorf("%v: it %s, want %s", words, got, rows[at].means)
		}
	})
	if want := 2 * 2 * 2 * 2 * 3 * 3 * 4 * 16; len(seen) != want {
		t.Errorf("%d different cells, want %d", len(seen), want)
	}
	for _, row := range rows {
		if row.hits == 0 {
			t.Errorf("no cell is decided by the row %v", row.cells)
		}
	}
}

// What holds of every response, whatever the table says.
func TestAftermathInvariants(t *testing.T) {
	everyResponse(func(e ResponseEvidence) {
		got := Aftermath(e)
		_, follows := got.(Follows)
		_, goesOn := got.(GoesOn)
		_, disowns := got.(Disowns)
		switch {
		case e.Cookies != SessionKept && (goesOn || disowns):
			t.Errorf("%v: the session goes on though its cookies do not", wordsOf(e))
		case e.Forgets && (goesOn || disowns || follows):
			t.Errorf("%v: the session goes on though the request matches forget_on", wordsOf(e))
		case follows && (e.User == "" || !e.Rolls || e.Over):
			t.Errorf("%v: an identity follows that there is not", wordsOf(e))
		}
		if learns, ok := got.(Learns); ok && (e.Unproven || e.RevokedSince || learns.Session.Presence != Present) {
			t.Errorf("%v: it learns what is not evident", wordsOf(e))
		}
		if _, ok := got.(Withholds); ok && !e.NamesRevoked {
			t.Errorf("%v: the response is withheld though nobody in it is revoked", wordsOf(e))
		}
	})
	if _, ends := Aftermath(ResponseEvidence{}).(Ends); !ends {
		t.Error("the zero evidence does not end the session")
	}
}
