package whoami

// Reason is why an answer names nobody, or why nobody can tell, in one word. Reasons are for logs and metrics. They are a
// closed set, and none of them holds anything that the application or the visitor sent.
type Reason string

// The reasons for [Nobody].
const (
	// NoMatch means that the status is 200 and that the page names no user.
	NoMatch Reason = "no_match"
	// NobodyValue means that the status is 200 and that the page holds one of the values that stand for nobody.
	NobodyValue Reason = "nobody_value"
	// Redirected means that the status is 302, 303 or 307, which leads to a sign-in page as a rule.
	Redirected Reason = "redirected"
	// Refused means that the status is 401 or 403.
	Refused Reason = "refused"
	// NotFound means that the status is 404.
	NotFound Reason = "not_found"
)

// The reasons for [CouldNotTell] that lie in the exchange.
const (
	// Busy means that there were too many questions at a time, and that this one was not asked.
	Busy Reason = "busy"
	// TimedOut means that no whole answer came in time.
	TimedOut Reason = "timed_out"
	// RouteFailed means that a handler of the route returned an error, so that the application did not answer.
	RouteFailed Reason = "route_failed"
	// Panicked means that a handler of the route panicked, as the reverse proxy does when the answer breaks off.
	Panicked Reason = "panicked"
	// NoHandler means that the route ended without an answer. The URI of the page reaches no handler, which is a mistake in
	// the configuration.
	NoHandler Reason = "no_handler"
	// CallerLeft means that the visitor left and that the route then needed a placeholder of his request.
	CallerLeft Reason = "caller_left"
)

// The reasons for [CouldNotTell] that lie in the answer.
const (
	// TooLarge means that the answer is larger than allowed.
	TooLarge Reason = "too_large"
	// Truncated means that the answer is not as long as its Content-Length.
	Truncated Reason = "truncated"
	// UnknownEncoding means that the Content-Encoding of the answer is not known here.
	UnknownEncoding Reason = "unknown_encoding"
	// BadEncoding means that the answer does not have the form of its Content-Encoding.
	BadEncoding Reason = "bad_encoding"
	// MovedPermanently means that the status is 301 or 308. The configuration should have the new address of the page.
	MovedPermanently Reason = "moved_permanently"
	// UnexpectedStatus means that the status tells nothing of a user, such as 429 or 500.
	UnexpectedStatus Reason = "unexpected_status"
	// FromCache means that the answer has an Age, so that it may have been made for another visitor.
	FromCache Reason = "from_cache"
	// Cacheable means that a shared cache may give the answer to others without asking.
	Cacheable Reason = "cacheable"
	// BadJSON means that the answer begins like JSON and is none, or that it has a name twice in one object.
	BadJSON Reason = "bad_json"
	// Ambiguous means that the page names two users. Somebody may have written one of them into the page.
	Ambiguous Reason = "ambiguous"
	// ChangesSession means that the answer names a user and changes a session cookie. The user may be that of the new session
	// and not that of the session that was asked about.
	ChangesSession Reason = "changes_session"
	// BadUserID means that the value on the page can't be a user id.
	BadUserID Reason = "bad_user_id"
	// NotConfigured means that the page has no extractor for the user.
	NotConfigured Reason = "not_configured"
)
