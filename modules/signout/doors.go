package signout

import (
	"crypto/subtle"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/caddy-jwt-session/caddy-jwt-session/internal/telemetry"
	"github.com/caddy-jwt-session/caddy-jwt-session/request/journey"
	"github.com/caddy-jwt-session/caddy-jwt-session/request/refusal"
	"github.com/caddy-jwt-session/caddy-jwt-session/validator"
)

// maxBody is how long a body may be.
const maxBody = 64 << 10

// ServeHTTP answers the provider, and passes all else on. What a provider sends tells by its type which door it is for.
func (s *SignOut) ServeHTTP(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
	if s.Path != "" && !journey.IsAt(r, s.Path) {
		return next.ServeHTTP(w, r)
	}
	w.Header().Set("Cache-Control", "no-store")
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		w.WriteHeader(http.StatusMethodNotAllowed)
		return nil
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		return writeError(w, http.StatusBadRequest, invalidRequest)
	}
	media, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")) // a malformed one is none of these
	switch media {
	case "application/x-www-form-urlencoded":
		return s.takeLogout(w, r, body)
	case "application/secevent+jwt":
		return s.takeEvent(w, r, body)
	case "application/json":
		return s.takeRequest(w, r, body)
	default:
		telemetry.SignOutsTotal.WithLabelValues(telemetry.SignOutByLogout, refused).Inc()
		return writeError(w, http.StatusBadRequest, invalidRequest)
	}
}

// The answers to what is not accepted, and to what could not be done. They say nothing else.
const (
	invalidRequest = `{"error":"invalid_request"}`
	serverError    = `{"error":"server_error"}`
	invalidToken   = `{"error":"invalid_token"}`
	unknownSubject = `{"error":"unknown_subject"}`
)

func writeError(w http.ResponseWriter, status int, text string) error {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, err := io.WriteString(w, text+"\n")
	return err
}

// takeLogout answers a logout token (OpenID Connect Back-Channel Logout 1.0 sections 2.5 and 2.8). All that is not done is 400.
func (s *SignOut) takeLogout(w http.ResponseWriter, r *http.Request, body []byte) error {
	form, err := url.ParseQuery(string(body))
	if err != nil || len(form["logout_token"]) != 1 {
		telemetry.SignOutsTotal.WithLabelValues(telemetry.SignOutByLogout, refused).Inc()
		return writeError(w, http.StatusBadRequest, invalidRequest)
	}
	outcome, err := s.group.deliver(r.Context(), s, telemetry.SignOutByLogout, verifyLogout, form.Get("logout_token"))
	switch {
	case err == nil:
		w.WriteHeader(http.StatusOK)
		return nil
	case outcome == failed:
		return writeError(w, http.StatusBadRequest, serverError)
	default:
		return writeError(w, http.StatusBadRequest, invalidRequest)
	}
}

// takeEvent answers a pushed security event (RFC 8935 section 2). An event that was carried out before is acknowledged once more.
func (s *SignOut) takeEvent(w http.ResponseWriter, r *http.Request, body []byte) error {
	sent := r.Header["Authorization"]
	if s.push != "" && (len(sent) != 1 || subtle.ConstantTimeCompare([]byte(sent[0]), []byte(s.push)) != 1) {
		telemetry.SignOutsTotal.WithLabelValues(telemetry.SignOutByPush, refused).Inc()
		s.warn("push_authorization: a pushed security event came without that authorization")
		return writeEventError(w, http.StatusUnauthorized, eventRefusal{
			Code: "authentication_failed", Description: "the authorization is not accepted",
		})
	}
	outcome, err := s.group.deliver(r.Context(), s, telemetry.SignOutByPush, verifyEvents, string(body))
	switch {
	case err == nil || outcome == again:
		w.WriteHeader(http.StatusAccepted)
		return nil
	case outcome == failed:
		w.Header().Set("Retry-After", refusal.RetryAfter)
		w.WriteHeader(http.StatusServiceUnavailable)
		return nil
	default:
		return writeEventError(w, http.StatusBadRequest, refusalOf(err))
	}
}

// eventRefusal is why an event is not accepted, in the words that are registered for that.
type eventRefusal struct{ Code, Description string }

// refusalOf returns what is told of an error (RFC 8935 section 2.4).
func refusalOf(err error) eventRefusal {
	code := "invalid_request"
	switch reason, _ := reasonOf(err); reason {
	case validator.TokenWrongIssuer:
		code = "invalid_issuer"
	case validator.TokenWrongAudience:
		code = "invalid_audience"
	case validator.TokenUnknownKey, validator.TokenBadSignature:
		code = "invalid_key"
	default:
	}
	return eventRefusal{Code: code, Description: "the security event token is not accepted"}
}

func writeEventError(w http.ResponseWriter, status int, why eventRefusal) error {
	w.Header().Set("Content-Language", "en")
	return writeError(w, status, `{"err":"`+why.Code+`","description":"`+why.Description+`"}`)
}

// takeRequest answers a request to revoke all tokens of a user (Global Token Revocation). It is authenticated before its body is
// looked into.
func (s *SignOut) takeRequest(w http.ResponseWriter, r *http.Request, body []byte) error {
	token, isBearer := bearer(r.Header)
	if !isBearer {
		telemetry.SignOutsTotal.WithLabelValues(telemetry.SignOutByRequest, refused).Inc()
		w.Header().Set("WWW-Authenticate", "Bearer")
		return writeError(w, http.StatusUnauthorized, invalidToken)
	}
	subject, isSubject := validator.ReadProviderSubject(body, s.Issuer, "sub_id", "subject")
	verify := verifyRequestFor(body)
	if !isSubject || !subject.Known() {
		// Nothing is carried out, and the token may come again with a good body.
		return s.refuseRequest(w, r, verify, token, isSubject)
	}
	outcome, err := s.group.deliver(r.Context(), s, telemetry.SignOutByRequest, verify, token)
	switch {
	case err == nil:
		w.WriteHeader(http.StatusNoContent)
		return nil
	case outcome == failed:
		w.Header().Set("Retry-After", refusal.RetryAfter)
		return writeError(w, http.StatusServiceUnavailable, serverError)
	default:
		w.Header().Set("WWW-Authenticate", `Bearer error="invalid_token"`)
		return writeError(w, http.StatusUnauthorized, invalidToken)
	}
}

// refuseRequest answers a request whose body names nobody.
func (s *SignOut) refuseRequest(w http.ResponseWriter, r *http.Request, verify verifier, token string, isSubject bool) error {
	outcome := refused
	_, err := s.verified(r.Context(), verify, token)
	_, notAccepted := reasonOf(err)
	defer func() { telemetry.SignOutsTotal.WithLabelValues(telemetry.SignOutByRequest, outcome).Inc() }()
	switch {
	case notAccepted:
		w.Header().Set("WWW-Authenticate", `Bearer error="invalid_token"`)
		return writeError(w, http.StatusUnauthorized, invalidToken)
	case err != nil:
		outcome = failed
		w.Header().Set("Retry-After", refusal.RetryAfter)
		return writeError(w, http.StatusServiceUnavailable, serverError)
	case !isSubject:
		return writeError(w, http.StatusBadRequest, invalidRequest)
	default:
		outcome = nobody
		s.warn("a provider revokes the tokens of a subject that names nobody here")
		return writeError(w, http.StatusNotFound, unknownSubject)
	}
}

// bearer returns the token of the one Authorization header of a request (RFC 6750 section 2.1).
func bearer(header http.Header) (string, bool) {
	sent := header["Authorization"]
	if len(sent) != 1 {
		return "", false
	}
	scheme, token, ok := strings.Cut(sent[0], " ")
	token = strings.TrimLeft(token, " ")
	return token, ok && strings.EqualFold(scheme, "Bearer") && token != ""
}
