package whoami

// Reason says in one word why an answer names nobody, or why there is no telling. Reasons are for logs and metrics: a
// closed set, none of which holds anything that the application or the visitor sent.
type Reason string

// The reasons for [Nobody].
const (
	// NoMatch: 200, and the page names no user.
	NoMatch Reason = "no_match"
	// NobodyValue: 200, and the page holds one of the values that stand for nobody.
	NobodyValue Reason = "nobody_value"
	// Redirected: 302, 303 or 307, to a sign-in page as a rule.
	Redirected Reason = "redirected"
	// Refused: 401 or 403.
	Refused Reason = "refused"
	// NotFound: 404.
	NotFound Reason = "not_found"
)

// The reasons for [CouldNotTell] that lie in the exchange.
const (
	// Busy: too many questions at a time; this one was not asked, or waited too long for its turn.
	Busy Reason = "busy"
	// TimedOut: no whole answer came in time.
	TimedOut Reason = "timed_out"
	// RouteFailed: a handler of the route returned an error, so that it was not the application that spoke.
	RouteFailed Reason = "route_failed"
	// Panicked: a handler of the route panicked, as the reverse proxy does where the answer breaks off.
	Panicked Reason = "panicked"
	// NoHandler: the route ended without an answer. The page's URI reaches no handler: a mistake in the configuration.
	NoHandler Reason = "no_handler"
	// CallerLeft: the visitor left, and the route then needed a placeholder of his request.
	CallerLeft Reason = "caller_left"
)

// The reasons for [CouldNotTell] that lie in the answer.
const (
	// TooLarge: the answer is larger than is read of it.
	TooLarge Reason = "too_large"
	// Truncated: the answer is not as long as its Content-Length says.
	Truncated Reason = "truncated"
	// UnknownEncoding: the answer has a Content-Encoding that can't be undone here.
	UnknownEncoding Reason = "unknown_encoding"
	// BadEncoding: the answer is not what its Content-Encoding says.
	BadEncoding Reason = "bad_encoding"
	// MovedPermanently: 301 or 308. The configuration should name the page where it is.
	MovedPermanently Reason = "moved_permanently"
	// UnexpectedStatus: a status that says nothing of a user, such as 429 or 500.
	UnexpectedStatus Reason = "unexpected_status"
	// FromCache: the answer has an Age, so that it may have been given to another visitor.
	FromCache Reason = "from_cache"
	// Cacheable: a shared cache may give the answer to others without asking.
	Cacheable Reason = "cacheable"
	// BadJSON: the answer begins as JSON and is none, or has a name twice in one object.
	BadJSON Reason = "bad_json"
	// Ambiguous: the page names two users. One of them may be what somebody wrote into the page.
	Ambiguous Reason = "ambiguous"
	// ChangesSession: the answer names a user and changes a session cookie. The user may be that of the new session, who is
	// not the one of the session that was asked about.
	ChangesSession Reason = "changes_session"
	// BadUserID: what the page names can't be a user id.
	BadUserID Reason = "bad_user_id"
	// NotConfigured: nothing says where the page names the user.
	NotConfigured Reason = "not_configured"
)
