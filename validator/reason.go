package validator

// Reason is why a request is not authenticated, or why a token was not used, in one word. Reasons are for logs, metrics and
// placeholders. They are a closed set, and none of them holds anything that the client sent.
type Reason string

// The reasons why a token was not used.
const (
	// TokenAmbiguous means that two different tokens came with the request.
	TokenAmbiguous Reason = "token_ambiguous"
	// TokenTooLarge means that the token is longer than [MaxTokenBytes].
	TokenTooLarge Reason = "token_too_large"
	// TokenMalformed means that the token is not of the one form of a JWT that is accepted.
	TokenMalformed Reason = "token_malformed"
	// TokenUnknownKey means that the kid names no known key, or one of another algorithm.
	TokenUnknownKey Reason = "token_unknown_key"
	// TokenBadSignature means that the signature does not hold.
	TokenBadSignature Reason = "token_bad_signature"
	// TokenExpired means that the token has expired (exp).
	TokenExpired Reason = "token_expired"
	// TokenNotYetValid means that the token is from the future, so that a clock is wrong.
	TokenNotYetValid Reason = "token_not_yet_valid"
	// TokenTooOld means that the token was issued longer ago than the route accepts.
	TokenTooOld Reason = "token_too_old"
	// TokenIncomplete means that the token lacks an attribute that the route needs.
	TokenIncomplete Reason = "token_incomplete"
	// TokenWrongIssuer means that the issuer (iss) is not the one that the route wants.
	TokenWrongIssuer Reason = "token_wrong_issuer"
	// TokenOtherRealm means that the token belongs to another realm (aud).
	TokenOtherRealm Reason = "token_other_realm"
	// TokenEnded means that the session of the token has ended.
	TokenEnded Reason = "token_ended"
	// TokenRevoked means that the token, its session or its user was revoked.
	TokenRevoked Reason = "token_revoked"
	// TokenOutsideShare means that the session is outside of the share of sessions that get tokens.
	TokenOutsideShare Reason = "token_outside_share"
	// TokenOtherSession means that the token is bound to another session than the one that came with it.
	TokenOtherSession Reason = "token_other_session"
)

// More reasons why a token of an identity provider was not used.
const (
	// TokenWrongAudience means that the token is for somebody else (aud).
	TokenWrongAudience Reason = "token_wrong_audience"
	// TokenNoAccess means that an ID token came in the place of an access token.
	TokenNoAccess Reason = "token_no_access"
	// TokenUnverifiedEmail means that the user id is an e-mail address that the provider has not verified.
	TokenUnverifiedEmail Reason = "token_unverified_email"
	// TokenWrongNonce means that the ID token belongs to another sign-in.
	TokenWrongNonce Reason = "token_wrong_nonce"
	// TokenOldSignIn means that the user signed in longer ago than the client asked for (max_age), or that the ID token does not
	// say when.
	TokenOldSignIn Reason = "token_old_sign_in"
	// TokenWrongHash means that the ID token belongs to another access token (at_hash).
	TokenWrongHash Reason = "token_wrong_hash"
)

// More reasons why a token by which an identity provider signs users out was not used.
const (
	// TokenNoEvent means that the token does not hold the event that it is sent for.
	TokenNoEvent Reason = "token_no_event"
	// TokenNoSubject means that the token names neither a user nor a session.
	TokenNoSubject Reason = "token_no_subject"
	// TokenRepeated means that a token with this id (jti) came before.
	TokenRepeated Reason = "token_repeated"
)

// The reasons why a request is not authenticated.
const (
	// NoCredentials means that neither a token nor session cookies came.
	NoCredentials Reason = "no_credentials"
	// SessionMissing means that a usable token came without the session cookies that it is bound to.
	SessionMissing Reason = "session_missing"
	// SessionIncomplete means that only some of the session cookies came.
	SessionIncomplete Reason = "session_incomplete"
	// SessionAmbiguous means that a session cookie came with two values, or two cookies for one pattern.
	SessionAmbiguous Reason = "session_ambiguous"
	// SessionTooShort means that the values of the session cookies are too short for a session id that nobody can guess.
	SessionTooShort Reason = "session_too_short"
	// SessionMalformed means that the value of a session cookie does not have the form of a session id.
	SessionMalformed Reason = "session_malformed"
	// SessionRevoked means that the session or its user is revoked.
	SessionRevoked Reason = "session_revoked"
	// SessionUnknown means that neither the store nor the application knows the session.
	SessionUnknown Reason = "session_unknown"
	// Conflict means that an access token names one user, and the session or another token names another.
	Conflict Reason = "conflict"
)

// The reasons why it could not be told who a request is from, and why a user may not do what he asks for.
const (
	// StoreUnavailable means that the store of active sessions did not answer.
	StoreUnavailable Reason = "store_unavailable"
	// IssuerUnavailable means that the identity provider did not tell which keys it has.
	IssuerUnavailable Reason = "issuer_unavailable"
	// InsufficientScope means that the user is known and lacks a required value (RFC 6750 section 3.1).
	InsufficientScope Reason = "insufficient_scope"
	// InsufficientAuthentication means that the user is known and signed in too long ago (RFC 9470 section 3).
	InsufficientAuthentication Reason = "insufficient_user_authentication"
)
