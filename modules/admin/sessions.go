package admin

import (
	"net/http"
	"reflect"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"go.uber.org/zap"

	"github.com/caddy-jwt-session/caddy-jwt-session/ledger"
	"github.com/caddy-jwt-session/caddy-jwt-session/sessions"
	"github.com/caddy-jwt-session/caddy-jwt-session/validator"
)

// AddRequest is the body of POST /jwt_session/sessions.
type AddRequest struct {
	Realm      string              `json:"realm"`
	ID         sessionID           `json:"id"`
	User       string              `json:"user"`
	Attributes sessions.Attributes `json:"attributes"`
	ExpiresIn  *int64              `json:"expires_in"` // seconds
}

// sessionID is a session id as operators write it: the cookie's value, or for a set of cookies their values by name.
type sessionID struct {
	value  string
	values map[string]string
}

// given reports whether the body had a session id.
func (s sessionID) given() bool { return s.value != "" || s.values != nil }

// UnmarshalJSONFrom reads a string or an object of strings.
func (s *sessionID) UnmarshalJSONFrom(decoder *jsontext.Decoder) error {
	if decoder.PeekKind() == '{' {
		return json.UnmarshalDecode(decoder, &s.values)
	}
	return json.UnmarshalDecode(decoder, &s.value)
}

// hashIn returns the hash that the session's cookies have when they come with a request. Its errors name the member of the
// body.
func (s sessionID) hashIn(cookies validator.SessionCookies, member string) (sessions.Hash, error) {
	values := s.values
	if values == nil {
		names := cookies.Names()
		if len(names) != 1 {
			return sessions.Hash{}, apiError(http.StatusBadRequest,
				member+": the session has several cookies, so want an object: "+strings.Join(names, ", "))
		}
		if strings.HasSuffix(names[0], "**") {
			return sessions.Hash{}, apiError(http.StatusBadRequest,
				member+": the session has several cookies, so want an object with all of them by name: "+names[0])
		}
		// A pattern stands for one cookie, and the id of a session of one cookie is its value alone.
		values = map[string]string{strings.TrimSuffix(names[0], "*"): s.value}
	}
	hash, err := cookies.HashOf(values)
	if err != nil {
		return sessions.Hash{}, apiError(http.StatusBadRequest, member+": "+err.Error())
	}
	return hash, nil
}

// AddAnswer is the answer to POST /jwt_session/sessions.
type AddAnswer struct {
	Hash string `json:"hash"`
	// Ends is when the session ends however much it is used.
	Ends time.Time `json:"ends"`
	// Expires is when it ends if it is not used. It is not after Ends.
	Expires time.Time `json:"expires"`
}

// addition is a session to be added.
type addition struct {
	key       sessions.Key
	identity  ledger.Identity
	lifetimes ledger.Lifetimes
}

// additionOf reads a session to be added from one JSON object. Its errors are APIErrors and quote nothing.
func additionOf(c *Call, text []byte) (addition, error) {
	var body AddRequest
	if err := readStrictly(text, &body); err != nil {
		return addition{}, err
	}
	site, err := c.siteOf(body.Realm)
	if err != nil {
		return addition{}, err
	}
	hash, err := body.ID.hashIn(site.Session.Cookies, "id")
	if err != nil {
		return addition{}, err
	}
	if err := body.check(); err != nil {
		return addition{}, err
	}
	life := site.Session.MaxAge
	if body.ExpiresIn != nil {
		life = min(life, time.Duration(*body.ExpiresIn)*time.Second)
	}
	return addition{
		key:       sessions.Key{Realm: body.Realm, Hash: hash},
		identity:  ledger.Identity{User: body.User, Attributes: body.Attributes},
		lifetimes: ledger.Lifetimes{Idle: site.Session.IdleTimeout, MaxAge: life},
	}, nil
}

func addSession(c *Call) (any, error) {
	added, err := additionOf(c, c.Body)
	if err != nil {
		return nil, err
	}
	session, err := c.gateway.Ledger.Add(c.request.Context(), added.key, added.identity, added.lifetimes)
	if err != nil {
		return nil, err
	}
	c.audit("session added", zap.String("realm", added.key.Realm))
	return AddAnswer{Hash: added.key.Hash.String(), Ends: session.Ends.UTC(), Expires: session.Expires.UTC()}, nil
}

// endRequest is the body of POST /jwt_session/sessions/end.
type endRequest struct {
	Realm   string    `json:"realm"`
	Session sessionID `json:"session"`
	Hash    string    `json:"session_hash"`
}

// endAnswer is the answer to POST /jwt_session/sessions/end.
type endAnswer struct {
	Ended bool `json:"ended"`
}

func endSession(c *Call) (any, error) {
	var body endRequest
	if err := c.Read(&body); err != nil {
		return nil, err
	}
	key, err := sessionKey(c, body.Realm, body.Session, body.Hash)
	if err != nil {
		return nil, err
	}
	ended, err := c.gateway.Ledger.End(c.request.Context(), key, 0)
	if err != nil {
		return nil, err
	}
	if !ended {
		return nil, apiError(http.StatusNotFound, "there is no such active session")
	}
	c.audit("session ended", zap.String("realm", key.Realm))
	return endAnswer{Ended: true}, nil
}

// sessionKey returns the key of a session that a body names by its id or by its hash.
func sessionKey(c *Call, realm string, id sessionID, hash string) (sessions.Key, error) {
	if realm == "" {
		return sessions.Key{}, apiError(http.StatusBadRequest, "realm: want the realm of the session")
	}
	site, err := c.siteOf(realm)
	if err != nil {
		return sessions.Key{}, err
	}
	if id.given() == (hash != "") {
		return sessions.Key{}, apiError(http.StatusBadRequest, "want either `session` or `session_hash`")
	}
	key := sessions.Key{Realm: realm}
	if id.given() {
		key.Hash, err = id.hashIn(site.Session.Cookies, "session")
	} else if key.Hash, err = sessions.ParseHash(hash); err != nil {
		err = apiError(http.StatusBadRequest, "session_hash: want 64 hexadecimal digits, the SHA-256 of the session id")
	}
	return key, err
}

// maxExpiresIn keeps the sum of now and expires_in inside of what times can hold: a hundred years.
const maxExpiresIn = 100 * 365 * 24 * 60 * 60

func (b AddRequest) check() error {
	if !validator.IsUserID(b.User) {
		return apiError(http.StatusBadRequest, "user: want 1 to 256 visible ASCII characters")
	}
	if b.ExpiresIn != nil && (*b.ExpiresIn < 1 || *b.ExpiresIn > maxExpiresIn) {
		return apiError(http.StatusBadRequest, "expires_in: want a number of seconds above 0, a hundred years at most")
	}
	for name := range b.Attributes {
		if name == "" || validator.IsReservedClaim(name) {
			return apiError(http.StatusBadRequest, "attributes: a name in it has a meaning of its own in tokens")
		}
	}
	return nil
}

// ListRequest is the body of POST /jwt_session/sessions/list.
type ListRequest struct {
	Realm string `json:"realm"`
	User  string `json:"user"`
	Limit int    `json:"limit"`
	After string `json:"after"`
}

// ListAnswer is the answer to POST /jwt_session/sessions/list.
type ListAnswer struct {
	Sessions []listedSession `json:"sessions"`
	Next     string          `json:"next,omitempty"` // the value for `after` that brings the next page
}

// listedSession is one session in a list. There is no way from it to the session id.
type listedSession struct {
	Hash       string              `json:"hash"`
	User       string              `json:"user"`
	Source     string              `json:"source"`
	AuthTime   time.Time           `json:"auth_time"`
	Seen       time.Time           `json:"seen"`
	Confirmed  time.Time           `json:"confirmed"`
	Ends       time.Time           `json:"ends"`
	Expires    time.Time           `json:"expires"`
	Attributes sessions.Attributes `json:"attributes,omitempty"`
}

const (
	defaultListLimit = 100
	maxListLimit     = 1000
)

// errAfter is the answer to a cursor that is none.
var errAfter = apiError(http.StatusBadRequest, "after: want the value of `next` of the page before")

func checkLimit(limit int) error {
	if limit < 1 || limit > maxListLimit {
		return apiError(http.StatusBadRequest, "limit: want a number from 1 to 1000")
	}
	return nil
}

func listSessions(c *Call) (any, error) {
	body := ListRequest{Limit: defaultListLimit}
	if err := c.Read(&body); err != nil {
		return nil, err
	}
	if _, err := c.siteOf(body.Realm); err != nil {
		return nil, err
	}
	if err := checkLimit(body.Limit); err != nil {
		return nil, err
	}
	query := sessions.Query{Realm: body.Realm, User: body.User, Limit: body.Limit}
	if body.After != "" {
		after, err := sessions.ParseHash(body.After)
		if err != nil {
			return nil, errAfter
		}
		query.After = after
	}
	page, err := c.gateway.Ledger.List(c.request.Context(), query)
	if err != nil {
		return nil, err
	}
	return answerOf(page), nil
}

func answerOf(page sessions.Page) ListAnswer {
	answer := ListAnswer{Sessions: make([]listedSession, len(page.Sessions))}
	for i, session := range page.Sessions {
		answer.Sessions[i] = listedSession{
			Hash: session.Hash.String(), User: session.User, Source: session.Source.String(),
			AuthTime: time.Unix(session.AuthTime, 0).UTC(), Seen: session.Seen.UTC(), Confirmed: session.Confirmed.UTC(),
			Ends: session.Ends.UTC(), Expires: session.Expires.UTC(), Attributes: session.Attributes,
		}
		answer.Next = session.Hash.String()
	}
	if !page.More {
		answer.Next = ""
	}
	return answer
}

// members lists the names that a body may have.
func members(body any) string {
	fields := reflect.TypeOf(body).Elem()
	names := make([]string, fields.NumField())
	for i := range names {
		names[i] = fields.Field(i).Tag.Get("json")
	}
	return strings.Join(names, ", ")
}
