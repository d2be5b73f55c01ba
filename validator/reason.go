package validator

// Reason says in one word why a request is not authenticated, or why a token was passed over. Reasons are for logs,
// metrics and placeholders: a closed set, none of which holds anything that the client sent.
type Reason string

// The reasons that tokens are passed over for.
const (
	// TokenAmbiguous: two different tokens came with the request.
	TokenAmbiguous Reason = "token_ambiguous"
	// TokenTooLarge: longer than [MaxTokenBytes].
	TokenTooLarge Reason = "token_too_large"
	// TokenMalformed: not the one form of a JWT that is accepted here.
	TokenMalformed Reason = "token_malformed"
	// TokenUnknownKey: its kid names no key of ours, or one of another algorithm.
	TokenUnknownKey Reason = "token_unknown_key"
	// TokenBadSignature: the signature does not hold.
	TokenBadSignature Reason = "token_bad_signature"
	// TokenExpired: its time is over.
	TokenExpired Reason = "token_expired"
	// TokenNotYetValid: its time has not come; a clock is wrong.
	TokenNotYetValid Reason = "token_not_yet_valid"
	// TokenTooOld: it was issued longer ago than this route accepts.
	TokenTooOld Reason = "token_too_old"
	// TokenIncomplete: it lacks an attribute that this route needs.
	TokenIncomplete Reason = "token_incomplete"
	// TokenWrongIssuer: its issuer is not the one that this route mints with.
	TokenWrongIssuer Reason = "token_wrong_issuer"
	// TokenOtherRealm: it belongs to another realm.
	TokenOtherRealm Reason = "token_other_realm"
	// TokenEnded: its session has ended since.
	TokenEnded Reason = "token_ended"
	// TokenRevoked: the operator revoked it.
	TokenRevoked Reason = "token_revoked"
	// TokenOutsideShare: its session is not in the share of sessions that tokens are for.
	TokenOutsideShare Reason = "token_outside_share"
	// TokenOtherSession: it is bound to another session than the one that came with it.
	TokenOtherSession Reason = "token_other_session"
)

// The reasons that tokens of an identity provider are passed over for, besides those above.
const (
	// TokenWrongAudience: it is for somebody else.
	TokenWrongAudience Reason = "token_wrong_audience"
	// TokenNoAccess: an ID token where an access token belongs.
	TokenNoAccess Reason = "token_no_access"
	// TokenUnverifiedEmail: the provider does not say that the e-mail address, which is to be the user id, is the user's.
	TokenUnverifiedEmail Reason = "token_unverified_email"
	// TokenWrongNonce: the ID token of another sign-in.
	TokenWrongNonce Reason = "token_wrong_nonce"
	// TokenWrongHash: the ID token of another access token.
	TokenWrongHash Reason = "token_wrong_hash"
)

// The reasons that a request is unauthenticated for.
const (
	// NoCredentials: neither token nor session cookies.
	NoCredentials Reason = "no_credentials"
	// SessionMissing: a usable token without the session cookies that it is bound to.
	SessionMissing Reason = "session_missing"
	// SessionIncomplete: a part of the set of session cookies.
	SessionIncomplete Reason = "session_incomplete"
	// SessionAmbiguous: a session cookie with two values, or two cookies for one pattern.
	SessionAmbiguous Reason = "session_ambiguous"
	// SessionTooShort: the values of the session cookies are too short to be a session id that nobody can guess.
	SessionTooShort Reason = "session_too_short"
	// SessionMalformed: the value of a session cookie is not of the form that session ids have.
	SessionMalformed Reason = "session_malformed"
	// SessionRevoked: the operator said no to the session, or to its user.
	SessionRevoked Reason = "session_revoked"
	// SessionUnknown: neither the store nor the application knows the session.
	SessionUnknown Reason = "session_unknown"
	// Conflict: an access token of one user and a session or token of another.
	Conflict Reason = "conflict"
)
