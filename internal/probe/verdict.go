package probe

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"golang.org/x/net/http/httpguts"

	"github.com/caddy-jwt-session/caddy-jwt-session/sessions/whoami"
	"github.com/caddy-jwt-session/caddy-jwt-session/validator"
)

// Result is what a verdict comes to. The zero value is that the application could not be asked.
type Result string

// The results.
const (
	Fine     Result = "fine"
	Change   Result = "change"
	NotAsked Result = "not_asked"
)

// Verdict is one sentence, with what to write into the Caddyfile.
type Verdict struct {
	Result Result `json:"result"`
	Text   string `json:"text"`
	// Line is what to write. It is empty if nothing in the Caddyfile helps.
	Line string `json:"line,omitempty"`
}

func fine(text, line string) Verdict     { return Verdict{Fine, text, line} }
func change(text, line string) Verdict   { return Verdict{Change, text, line} }
func notAsked(text, line string) Verdict { return Verdict{NotAsked, text, line} }

// judge returns the verdict on what was found. It depends on its argument alone.
func judge(r Report) Verdict {
	asked := r.Without
	if r.With != nil {
		asked = r.With
	}
	switch {
	case r.NoSession == string(validator.NoCredentials):
		return r.judgeNames()
	case asked.Outcome == CouldNotTell:
		return r.judgeNoAnswer(asked)
	case r.Without.Outcome == User:
		return change(fmt.Sprintf("The page names %s without any cookie, so that everybody would be %s: choose a page that says who the "+
			"session belongs to.", r.Without.User, r.Without.User), r.line("/<page>", r.Rule))
	case asked.Outcome == Nobody:
		return r.judgeNobody(asked)
	case r.NoSession != "":
		return r.judgeSession()
	case r.Without.Outcome == CouldNotTell:
		return change(fmt.Sprintf("The page names %s with the cookie, but without one its answer counts as no answer (%s), so that an old "+
			"cookie gets a 503 instead of the sign-in: let the page answer 200 without a user, 401, 403 or a redirect to the sign-in.",
			r.With.User, r.Without.Reason), "")
	case r.SignOut != nil:
		return r.judgeSignOut()
	}
	return r.judgeUser()
}

// judgeUser is the verdict where the page names a user with the cookie and nobody without.
func (r Report) judgeUser() Verdict {
	if r.With.User == "[the cookie]" {
		return change("What the rule finds is the session cookie itself, and no user id: choose another place of the page.", r.suggestion(r.With))
	}
	for name, present := range r.With.Attributes {
		if !present {
			return change(fmt.Sprintf("The page names %s with the cookie and nobody without, but it does not have the attribute %s.",
				r.With.User, name), "")
		}
	}
	return fine(fmt.Sprintf("The page names %s with the cookie and nobody without: nothing to change.", r.With.User), r.line(r.URI, r.Rule))
}

// judgeNames is the verdict on cookies of which none is the session's.
func (r Report) judgeNames() Verdict {
	var names []string
	longest := Cookie{}
	for _, one := range slices.Concat(r.Cookies, r.NotSent) {
		names = append(names, one.Name)
		if one.Length > longest.Length {
			longest = one
		}
	}
	return change(fmt.Sprintf("None of the cookies is the session cookie: the configuration wants %s, and these came: %s.",
		strings.Join(r.SessionCookies, " and "), strings.Join(names, ", ")), "session_cookie "+Quote(longest.Name))
}

// judgeSession is the verdict on a cookie that the application takes for a session and the gateway does not.
func (r Report) judgeSession() Verdict {
	name, length := strings.Join(r.SessionCookies, " "), 0
	for _, one := range r.Cookies {
		if slices.Contains(r.SessionCookies, one.Name) {
			length += one.Length
		}
	}
	text := fmt.Sprintf("The application names %s, but the gateway takes no session id from the cookie (%s).", r.With.User, r.NoSession)
	if r.NoSession == string(validator.SessionTooShort) {
		return change(text, fmt.Sprintf("session_cookie %s {\n\tmin_length %d\n}", Quote(name), length))
	}
	return change(text, "")
}

// judgeNoAnswer is the verdict on an answer that says neither a user nor nobody.
func (r Report) judgeNoAnswer(f *Finding) Verdict {
	because := ""
	if f.Error != "" {
		because = ": " + f.Error
	}
	switch f.Reason {
	case whoami.TimedOut:
		longer := max(5*time.Second, 5*r.timeout)
		return notAsked(fmt.Sprintf("No answer of %s came within %s: make the page quicker, or wait longer inside whoami.", r.URI, r.timeout),
			fmt.Sprintf("timeout %s", longer))
	case whoami.RouteFailed:
		return notAsked("The application did not answer"+because+". See that it runs, and where the route leads.", "reverse_proxy <address>")
	case whoami.Panicked:
		return notAsked("The answer broke off: look at the application's log.", "")
	case whoami.NoHandler:
		return change(fmt.Sprintf("No handler behind jwt_session answers %s: write the page as the next handler sees it.", r.URI),
			r.line("/<page>", r.Rule))
	case whoami.MovedPermanently:
		return change(fmt.Sprintf("The page has moved for good (%d): write its new address.", f.Status), r.line(orPage(f.location), r.Rule))
	case whoami.UnexpectedStatus:
		return change(fmt.Sprintf("The page answers %d, which says nothing of a user: look at the application, or choose another page.", f.Status),
			r.line("/<page>", r.Rule))
	case whoami.TooLarge:
		return change("The answer is larger than max_body: choose a smaller page, or allow more inside whoami.", "max_body 4MiB")
	case whoami.FromCache, whoami.Cacheable:
		return change("A shared cache may give the answer to others, so it does not count: let the application send Cache-Control: no-store "+
			"with it, or choose a page that does.", r.line("/<page>", r.Rule))
	case whoami.BadJSON:
		return change("The answer begins like JSON and is none, or it has a name twice in one object: let the application send valid JSON.", "")
	case whoami.Ambiguous:
		return change("The rule finds two different users in the answer: choose a rule that fits one place only.", r.line(r.URI, "regex `<text before>([^<]+)<`"))
	case whoami.ChangesSession:
		return change(fmt.Sprintf("The answer names a user and changes the session cookie (%s), so it does not count: choose a page that sets no "+
			"cookie, or write this inside whoami if the application changes the cookie with every answer.", strings.Join(f.changes, ", ")),
			"rolling")
	case whoami.BadUserID:
		return change("What the rule finds can't be a user id"+pathsOf(f)+".", r.suggestion(f))
	default:
		return change(fmt.Sprintf("The answer does not count (%s).", f.Reason), "")
	}
}

func orPage(uri string) string {
	if uri == "" {
		return "/<page>"
	}
	return uri
}

// line returns the option whoami.
func (r Report) line(uri, rule string) string { return "whoami " + blankOr(uri) + " " + rule }

// blankOr returns an argument of the Caddyfile. What the reader is to fill in stays without quotes.
func blankOr(text string) string {
	if text == "/<page>" || text == NoPath {
		return text
	}
	return Quote(text)
}

// pathsOf names the places of a JSON answer.
func pathsOf(f *Finding) string {
	if len(f.Paths) == 0 {
		return ""
	}
	return ": the answer has the paths " + strings.Join(f.Paths, ", ")
}

// likely are the names of members that hold a user id, the best ones first.
var likely = []string{"id", "user_id", "userid", "uid", "sub", "username", "user_name", "login", "user", "email", "name"}

// suggestion returns the option whoami with the path that most likely holds the user id.
func (r Report) suggestion(f *Finding) string {
	if !f.IsJSON {
		return r.line(r.URI, "regex `<text before>([^<]+)<`")
	}
	return r.line(r.URI, "json "+blankOr(LikelyPath(f.ids)))
}

// NoPath stands for a path that the reader is to fill in.
const NoPath = "<path>"

// LikelyPath returns the path that most likely holds a user id, or [NoPath]. The names in a path are the application's: one that a
// Caddyfile would have to quote is passed over, since a Caddyfile replaces some texts in quotes too.
func LikelyPath(paths []string) string {
	best, rank := NoPath, len(likely)+1
	for _, path := range paths {
		last := strings.ToLower(path[strings.LastIndexByte(path, '.')+1:])
		at := slices.Index(likely, last)
		if at < 0 {
			at = len(likely)
		}
		if at < rank && path != "" && strings.Trim(path, plain) == "" {
			best, rank = path, at
		}
	}
	return best
}

// judgeNobody is the verdict on an answer that names nobody.
func (r Report) judgeNobody(f *Finding) Verdict {
	hasCookie := r.With != nil
	same := hasCookie && r.Without.Status == f.Status && r.Without.body == f.body && r.Without.header("Location") == f.header("Location")
	kind, place, _ := strings.Cut(r.Rule, " ")
	switch f.Reason {
	case whoami.NotFound:
		return change(fmt.Sprintf("The application has no page %s (404): write a page that names the user who is signed in.", r.URI), r.line("/<page>", r.Rule))
	case whoami.NoMatch:
		if kind == "json" && !f.IsJSON {
			return change(fmt.Sprintf("The rule reads JSON and the answer is %s: choose a page that answers JSON, or read this one with a regular "+
				"expression.", typeOf(f)), r.suggestion(f))
		}
		if hasCookie && kind == "json" && !slices.Contains(f.Paths, place) && !same {
			return change(fmt.Sprintf("The answer has no %s%s.", place, pathsOf(f)), r.suggestion(f))
		}
		if hasCookie && kind == "json" && !slices.Contains(f.Paths, place) {
			return change(fmt.Sprintf("The answer has no %s, and it is the same without the cookie%s. The application does not know this cookie, or "+
				"the path is wrong.", place, pathsOf(f)), r.suggestion(f))
		}
		if hasCookie && !same && kind != "json" {
			return change(fmt.Sprintf("The answer has nothing that the rule %s fits, but differs from the one without the cookie: compare the rule "+
				"with the page.", r.Rule), r.line(r.URI, kind+" <what fits>"))
		}
	default: // is what the cookie decides about
	}
	if hasCookie {
		return r.judgeUnknownCookie(f)
	}
	return fine(fmt.Sprintf("The page names nobody without a cookie (%s), as it should; --cookie shows whether it names the user with one.",
		f.Reason), r.line(r.URI, r.Rule))
}

// judgeUnknownCookie is the verdict where the application answers as if the cookie were none.
func (r Report) judgeUnknownCookie(f *Finding) Verdict {
	how := map[whoami.Reason]string{
		whoami.Redirected: "redirects to " + withoutOrigin(f.header("Location")), whoami.Refused: fmt.Sprintf("answers %d", f.Status),
		whoami.NobodyValue: "says nobody", whoami.NoMatch: "names nobody",
	}[f.Reason]
	text := fmt.Sprintf("The page %s with the cookie too: the application does not know this session. Sign in with a browser, copy the cookie "+
		"again, and see that it is the one that the session needs", how)
	var others []string
	for _, one := range r.Without.Sets {
		if !slices.Contains(r.SessionCookies, one.Name) && !one.Removed && one.Length > 0 && httpguts.ValidHeaderFieldName(one.Name) {
			others = append(others, one.Name)
		}
	}
	if len(others) > 0 {
		return change(text+"; the page sets "+strings.Join(others, ", ")+".", "session_cookie "+Quote(others[0]))
	}
	return change(text+".", "session_cookie <name>")
}

func withoutOrigin(location string) string {
	parsed, err := url.Parse(location)
	if err != nil || parsed.Path == "" {
		return "another page"
	}
	return parsed.Path
}

func typeOf(f *Finding) string {
	switch media := f.header("Content-Type"); {
	case f.isHTML:
		return "HTML"
	case media != "":
		return media
	default:
		return "none"
	}
}

// judgeSignOut is the verdict on a sign-out.
func (r Report) judgeSignOut() Verdict {
	out := r.SignOut
	switch {
	case out.Answer.Status == 0:
		return notAsked(fmt.Sprintf("%s %s got no answer (%s).", out.Method, out.URI, out.Answer.Error), "")
	case out.Replay.Outcome == CouldNotTell:
		return notAsked(fmt.Sprintf("After the sign-out the page gave no answer that counts (%s).", out.Replay.Reason), "")
	case out.Replay.Outcome == User && !out.Shows:
		return change(fmt.Sprintf("%s %s (%d) signed nobody out: the old cookie still names %s, and no cookie changed. Name the request that signs "+
			"out, with --method POST if it is one; a form with a token against forgery can't be sent from here.", out.Method, out.URI,
			out.Answer.Status, out.Replay.User), "")
	case out.Replay.Outcome == User:
		return change(fmt.Sprintf("The sign-out shows in a cookie (%s), but the application still takes the old one for %s: let it end the session "+
			"itself, or a copy of the cookie stays good.", strings.Join(out.Changes, ", "), out.Replay.User), "")
	case out.Shows:
		return fine(fmt.Sprintf("The sign-out shows in a cookie (%s), and the old cookie names nobody: nothing to change.",
			strings.Join(out.Changes, ", ")), "")
	case out.Named:
		return fine("The sign-out shows in no cookie, and forget_on names it: nothing to change.", "")
	}
	return change("The sign-out shows in no cookie, so the gateway would go on with the user until it asks again: name the request.",
		forgetLine(out.URI))
}

// forgetLine returns the option forget_on for a request.
func forgetLine(uri string) string {
	path, query, hasQuery := strings.Cut(uri, "?")
	if !hasQuery {
		return "forget_on " + Quote(path)
	}
	var pairs strings.Builder
	for pair := range strings.SplitSeq(query, "&") {
		pairs.WriteString(" " + Quote(pair))
	}
	return "@sign_out {\n\tpath " + Quote(path) + "\n\tquery" + pairs.String() + "\n}\nforget_on @sign_out"
}
