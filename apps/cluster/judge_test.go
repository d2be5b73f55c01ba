package cluster

import (
	"fmt"
	"net/http"
	"testing"
	"time"
)

// answer is what became of a request.
type answer struct {
	gateway    int
	sent, came time.Time
	err        error // there was no answer
	status     int
	reached    bool   // the application
	identity   string // what the application was told
	via        string // what spoke for the user
	reason     string // why something else did not

	session, token           string // what the answer set
	setsSession, clearsToken bool
}

// admitted reports whether the application was told of a user.
func (a answer) admitted() bool { return a.reached && a.identity != "" }

// facts is what the test knows of a request: what it brought, what was done to that, and how the gateway was.
type facts struct {
	user string // whose session it brought

	// untouched: nothing that takes the session away was begun before the answer came.
	untouched bool
	// until is the last time at which the gateway may still admit the session. It is zero if there is no such time.
	until time.Time
	// tokenUntil is the same of the token that the request brought.
	tokenUntil time.Time

	// token: the request brought a token that counts.
	token bool
	// lenient: the session may be unknown to the gateways for a reason.
	lenient bool

	died bool // the gateway was killed or did not answer yet
	away bool // the gateway may be unable to ask the store
	// mayStop: the gateway may have heard nothing for max_stale. mustStop: it has, for certain.
	mayStop, mustStop bool
}

// judge returns what is wrong with an answer, and "" if nothing is.
func judge(a answer, f facts) string {
	switch {
	case a.err != nil && f.died:
		return ""
	case a.err != nil:
		return fmt.Sprintf("no answer: %v", a.err)
	case a.reached && a.identity != "" && a.identity != f.user:
		return fmt.Sprintf("wrong identity: the session is of %q, and the application is told %q by the %s", f.user, a.identity, a.via)
	case a.admitted() && f.mustStop:
		return fmt.Sprintf("admitted by the %s, and the gateway has heard nothing for longer than max_stale", a.via)
	case a.admitted() && !f.until.IsZero() && a.sent.After(f.until):
		return fmt.Sprintf("admitted by the %s, %s after the bound", a.via, a.sent.Sub(f.until).Round(time.Millisecond))
	case a.via == "token" && !f.tokenUntil.IsZero() && a.sent.After(f.tokenUntil):
		return fmt.Sprintf("the token counts, %s after the bound", a.sent.Sub(f.tokenUntil).Round(time.Millisecond))
	case a.status != http.StatusOK && a.status != http.StatusUnauthorized && a.status != http.StatusServiceUnavailable:
		return fmt.Sprintf("status %d", a.status)
	case f.untouched && f.token && a.admitted() && a.via != "token":
		return fmt.Sprintf("the token does not count (%s): admitted by the %s", a.reason, a.via)
	case !f.untouched || a.admitted():
		return ""
	case a.status == http.StatusServiceUnavailable && f.mayStop:
		return ""
	case f.token:
		return fmt.Sprintf("status %d on the token path", a.status)
	case a.status == http.StatusServiceUnavailable && f.away:
		return ""
	case f.lenient:
		return ""
	default:
		return fmt.Sprintf("status %d for a session that goes on", a.status)
	}
}

func TestJudge(t *testing.T) {
	t.Parallel()
	now := time.Now()
	before, after := now.Add(-time.Millisecond), now.Add(time.Millisecond)
	good := answer{sent: now, came: now, status: 200, reached: true, identity: "alice", via: "token"}
	refused := answer{sent: now, came: now, status: 401}
	undetermined := answer{sent: now, came: now, status: 503}
	goesOn := facts{user: "alice", untouched: true}
	with := func(f facts, change func(*facts)) facts {
		change(&f)
		return f
	}
	of := func(a answer, change func(*answer)) answer {
		change(&a)
		return a
	}
	for name, test := range map[string]struct {
		answer answer
		facts  facts
		fault  bool
	}{
		"a user":                       {good, goesOn, false},
		"somebody else":                {of(good, func(a *answer) { a.identity = "bob" }), goesOn, true},
		"somebody else, revoked":       {of(good, func(a *answer) { a.identity = "bob" }), facts{user: "alice"}, true},
		"signed out":                   {refused, goesOn, true},
		"signed out though away":       {refused, with(goesOn, func(f *facts) { f.away = true }), true},
		"signed out, lenient":          {refused, with(goesOn, func(f *facts) { f.lenient = true }), false},
		"signed out with a token":      {refused, with(goesOn, func(f *facts) { f.lenient, f.token = true, true }), true},
		"anonymous":                    {of(good, func(a *answer) { a.identity = "" }), goesOn, true},
		"not told":                     {undetermined, goesOn, true},
		"not told, away":               {undetermined, with(goesOn, func(f *facts) { f.away = true }), false},
		"not told with a token":        {undetermined, with(goesOn, func(f *facts) { f.away, f.token = true, true }), true},
		"not told, stopped":            {undetermined, with(goesOn, func(f *facts) { f.token, f.mayStop = true, true }), false},
		"passed over":                  {of(good, func(a *answer) { a.via = "session" }), with(goesOn, func(f *facts) { f.token = true }), true},
		"without a token":              {of(good, func(a *answer) { a.via = "session" }), goesOn, false},
		"goes on, may stop":            {good, with(goesOn, func(f *facts) { f.token, f.mayStop = true, true }), false},
		"goes on, must stop":           {good, with(goesOn, func(f *facts) { f.token, f.mayStop, f.mustStop = true, true, true }), true},
		"revoked, refused":             {refused, facts{user: "alice", until: before}, false},
		"revoked, not told":            {undetermined, facts{user: "alice", until: before}, false},
		"revoked, within the bound":    {good, facts{user: "alice", until: after}, false},
		"revoked, after the bound":     {good, facts{user: "alice", until: before}, true},
		"token revoked":                {good, facts{user: "alice", untouched: true, tokenUntil: before}, true},
		"token revoked, session":       {of(good, func(a *answer) { a.via = "session" }), facts{user: "alice", untouched: true, tokenUntil: before}, false},
		"token revoked, in the bound":  {good, facts{user: "alice", untouched: true, tokenUntil: after}, false},
		"being revoked":                {refused, facts{user: "alice"}, false},
		"an error of the gateway":      {of(refused, func(a *answer) { a.status = 500 }), facts{user: "alice"}, true},
		"an error of the proxy":        {of(refused, func(a *answer) { a.status = 502 }), goesOn, true},
		"no answer":                    {answer{err: http.ErrServerClosed}, goesOn, true},
		"no answer of a dead gateway":  {answer{err: http.ErrServerClosed}, with(goesOn, func(f *facts) { f.died = true }), false},
		"an answer of a dead gateway":  {refused, with(goesOn, func(f *facts) { f.died, f.away = true, true }), true},
		"the zero value has no excuse": {answer{}, facts{}, true},
	} {
		if got := judge(test.answer, test.facts); (got != "") != test.fault {
			t.Errorf("%s: %q", name, got)
		}
	}
}
