package identity

import (
	"fmt"
	"net/http"
	"net/textproto"
	"slices"
	"strings"

	"golang.org/x/net/http/httpguts"

	"github.com/caddy-jwt-session/caddy-jwt-session/internal/realm"
	"github.com/caddy-jwt-session/caddy-jwt-session/sessions"
	"github.com/caddy-jwt-session/caddy-jwt-session/validator"
)

// DefaultIdentityHeader carries the user id unless the configuration says otherwise.
const DefaultIdentityHeader = "OurApp-User-ID"

// Options is how the services behind learn who the user is.
type Options struct {
	// Send no header with the user id. Those of the client are removed all the same.
	Off bool `json:"off,omitempty"`

	// The headers. Where none of them carries the user id, `OurApp-User-ID` does, unless that is off.
	Headers []Header `json:"headers,omitempty"`
}

// Header is one request header that the services behind receive.
type Header struct {
	// The name of the header.
	Name string `json:"name"`

	// The attribute that it carries. Default: the user id.
	Attribute string `json:"attribute,omitempty"`
}

// Headers is the prepared form. The zero value sets nothing and removes the default header.
type Headers struct {
	Headers   []Header
	canonical []string // the names of the headers as net/http spells them
	folded    []string // every name that is removed from what clients send, folded
}

// forbiddenIdentityHeaders have a meaning of their own on the way upstream.
var forbiddenIdentityHeaders = []string{
	"authorization", "connection", "cookie", "cookie2", "expect", "forwarded", "host", "http2-settings", "keep-alive",
	"max-forwards", "origin", "proxy-authenticate", "proxy-authorization", "proxy-connection", "range", "referer",
	"set-cookie", "te", "trailer", "transfer-encoding", "upgrade", "via",
}

func (i *Options) Prepare() (Headers, error) {
	prepared := Headers{folded: []string{Fold(DefaultIdentityHeader)}}
	if err := i.Contradiction(); err != nil {
		return Headers{}, err
	}
	if err := i.Check(); err != nil {
		return Headers{}, err
	}
	hasUserID := i.Off
	for _, header := range i.Headers {
		hasUserID = hasUserID || header.Attribute == ""
		prepared.Headers = append(prepared.Headers, header)
		prepared.folded = append(prepared.folded, Fold(header.Name))
	}
	if !hasUserID {
		if slices.ContainsFunc(prepared.Headers, func(other Header) bool {
			return Fold(other.Name) == Fold(DefaultIdentityHeader)
		}) {
			return Headers{}, fmt.Errorf("identity_header %s: it carries the user id unless another header does",
				DefaultIdentityHeader)
		}
		prepared.Headers = append(prepared.Headers, Header{Name: DefaultIdentityHeader})
	}
	for _, header := range prepared.Headers {
		prepared.canonical = append(prepared.canonical, http.CanonicalHeaderKey(header.Name))
	}
	slices.Sort(prepared.folded)
	prepared.folded = slices.Compact(prepared.folded)
	return prepared, nil
}

// Contradiction says which headers can't stand together.
func (i *Options) Contradiction() error {
	if i == nil {
		return nil
	}
	for position, header := range i.Headers {
		if i.Off && header.Attribute == "" {
			return fmt.Errorf("identity_header: off and %s contradict each other: it carries the user id", header.Name)
		}
		if slices.ContainsFunc(i.Headers[:position], func(other Header) bool {
			return Fold(other.Name) == Fold(header.Name)
		}) {
			return fmt.Errorf("identity_header %s: named twice", header.Name)
		}
	}
	return nil
}

// Check looks at each header by itself.
func (i *Options) Check() error {
	for _, header := range i.Headers {
		if err := checkIdentityHeader(header.Name); err != nil {
			return err
		}
		if header.Attribute == "" {
			continue
		}
		if err := CheckAttributeName(header.Attribute); err != nil {
			return fmt.Errorf("identity_header %s: %w", header.Name, err)
		}
	}
	return nil
}

func checkIdentityHeader(name string) error {
	if err := CheckHeader(name); err != nil {
		return fmt.Errorf("identity_header %w", err)
	}
	return nil
}

// CheckHeader reports whether a header of this name may be ours to set and to remove.
func CheckHeader(name string) error {
	if !httpguts.ValidHeaderFieldName(name) {
		return fmt.Errorf("%q: not a header name (RFC 9110 section 5.1)", name)
	}
	folded := Fold(name)
	if slices.Contains(forbiddenIdentityHeaders, folded) || strings.HasPrefix(folded, "content-") ||
		strings.HasPrefix(folded, "x-forwarded-") || strings.HasPrefix(folded, "sec-") || strings.HasPrefix(folded, "http-") {
		return fmt.Errorf("%s: this header has a meaning of its own; choose another name", name)
	}
	return nil
}

// Fold maps a header name to one that stands for all that a server could take for the same: back ends that hand
// headers on as variables know neither case nor punctuation (RFC 3875 section 4.1.18).
func Fold(name string) string {
	folded := []byte(name)
	for i, char := range folded {
		switch {
		case 'A' <= char && char <= 'Z':
			folded[i] = char + 'a' - 'A'
		case char < '0' || '9' < char && char < 'a' || 'z' < char:
			folded[i] = '-'
		}
	}
	return string(folded)
}

// Owns reports whether a header of this name could reach a service as one of ours.
func (i Headers) Owns(name string) bool {
	for _, folded := range i.folded {
		if foldsTo(name, folded) || len(name) > len("http-") && foldsTo(name[:len("http-")], "http-") &&
			foldsTo(name[len("http-"):], folded) {
			return true
		}
	}
	return false
}

// foldsTo reports whether foldHeader(name) is the given text, without making it.
func foldsTo(name, folded string) bool {
	if len(name) != len(folded) {
		return false
	}
	for i := range len(name) {
		char := name[i]
		switch {
		case 'A' <= char && char <= 'Z':
			char += 'a' - 'A'
		case char < '0' || '9' < char && char < 'a' || 'z' < char:
			char = '-'
		}
		if char != folded[i] {
			return false
		}
	}
	return true
}

// Strip removes what the client sent in our name: headers, trailers, and the mention in Connection that would make the
// reverse proxy drop what we set (RFC 9110 section 7.6.1).
func (i Headers) Strip(r *http.Request) {
	for name := range r.Header {
		if i.Owns(name) {
			delete(r.Header, name)
		}
	}
	stripConnection(r.Header)
	i.stripTrailers(r)
}

// keptConnectionOptions are the only ones that mean something between a client and a proxy. All others name headers
// that are to be dropped on the way, and there is none that a client has a say in.
var keptConnectionOptions = []string{"close", "keep-alive", "upgrade", "te", "http2-settings"}

func stripConnection(header http.Header) {
	lines, present := header["Connection"]
	if !present {
		return
	}
	var kept []string
	for _, line := range lines {
		for option := range strings.SplitSeq(line, ",") {
			option = textproto.TrimString(option)
			if slices.Contains(keptConnectionOptions, strings.ToLower(option)) {
				kept = append(kept, option)
			}
		}
	}
	if len(kept) == 0 {
		delete(header, "Connection")
		return
	}
	header["Connection"] = []string{strings.Join(kept, ", ")}
}

// Set gives the request the identity headers. What a header can't hold is left out; user ids were checked when the session
// was learned.
func (i *Headers) Set(r *http.Request, who *Principal) {
	for n, header := range i.Headers {
		if header.Attribute == "" {
			r.Header[i.canonical[n]] = []string{who.User}
		} else if value, ok := headerValue(who.Attributes[header.Attribute]); ok {
			r.Header[i.canonical[n]] = []string{value}
		}
	}
}

// headerValue returns an attribute as a header value, and false where there is none.
func headerValue(attribute sessions.Attribute) (string, bool) {
	value, _ := wholeHeaderValue(attribute)
	return value, value != ""
}

// wholeHeaderValue returns an attribute as a header value: visible ASCII and inner spaces, lists joined by commas (RFC 9110
// section 5.6.1). It also reports whether that is all that the attribute says. Elements of a list with a comma in them are
// left out, since a service would take one for several. What else can't be written so leaves out the whole attribute.
func wholeHeaderValue(attribute sessions.Attribute) (value string, whole bool) {
	texts := attribute.Texts()
	all := len(texts)
	if attribute.IsList() {
		texts = slices.DeleteFunc(texts, func(text string) bool { return strings.Contains(text, ",") })
	}
	for _, text := range texts {
		if !IsText(text) {
			return "", text == "" && !attribute.IsList()
		}
	}
	return strings.Join(texts, ","), len(texts) == all
}

func IsText(text string) bool {
	for i := range len(text) {
		if text[i] < ' ' || text[i] > '~' {
			return false
		}
	}
	return text != "" && text[0] != ' ' && text[len(text)-1] != ' '
}

// CheckAttributeName reports whether an attribute may have the name: it becomes a claim and a placeholder.
func CheckAttributeName(name string) error {
	if !realm.IsName(name) {
		return fmt.Errorf("attribute %q: want letters, digits, _ and -", name)
	}
	if validator.IsReservedClaim(name) || name == "id" {
		return fmt.Errorf("attribute %s: the name has a meaning of its own; choose another one", name)
	}
	return nil
}

// Only stands for one header that is removed from requests and never set.
func Only(name string) Headers {
	return Headers{folded: []string{Fold(name)}}
}

// Authorization is what is removed from a request that is to have the gateway's own token there and nobody else's.
var Authorization = Only("Authorization")
