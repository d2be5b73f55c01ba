package whoami

import (
	"fmt"
	"html"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
	"golang.org/x/net/http/httpguts"

	"github.com/caddy-jwt-session/caddy-jwt-session/sessions"
)

// Extractor finds a value in a page. It is made by [ParseExtractor] and is safe for concurrent use.
type Extractor interface {
	// user returns the one text that may name the user, which is empty if there is none. The reason is why nobody can tell.
	user(page *document) (string, Reason)
	// attribute returns the value as an attribute. It is not present if the page has no usable value.
	attribute(page *document) sessions.Attribute
}

// ParseExtractor returns an extractor of the given kind:
//
//   - json: the argument is a path of names separated by dots, such as user.id or accounts.0.name. A number counts
//     elements from 0 where it meets a list. A backslash makes a dot a part of a name.
//   - header: the argument is the name of a response header.
//   - regex: the argument is a regular expression in Go's syntax, and the value is its first group. It is matched against
//     the whole decoded page, and a dot matches line breaks too. For a user, it must match exactly once, or with the same
//     value each time. Keep it so narrow that a match can't reach over text that users write. In an HTML page, the character
//     references of the value are decoded, as a browser shows them in text.
func ParseExtractor(kind, argument string) (Extractor, error) {
	switch kind {
	case "json":
		path, err := parseJSONPath(argument)
		return jsonExtractor{path}, err
	case "header":
		if !httpguts.ValidHeaderFieldName(argument) {
			return nil, fmt.Errorf("parsing header %q: not a header name (RFC 9110 section 5.1)", argument)
		}
		return headerExtractor{http.CanonicalHeaderKey(argument)}, nil
	case "regex":
		// As it is first, so that the error shows what was written.
		if _, err := regexp.Compile(argument); err != nil {
			return nil, fmt.Errorf("parsing regex: %w", err)
		}
		expression, err := regexp.Compile("(?s)" + argument)
		if err != nil {
			return nil, fmt.Errorf("parsing regex: %w", err)
		}
		if expression.NumSubexp() == 0 {
			return nil, fmt.Errorf("parsing regex %q: no group; put parentheses around the value", argument)
		}
		return regexExtractor{expression}, nil
	default:
		return nil, fmt.Errorf("parsing %q: want json, header or regex", kind)
	}
}

type jsonExtractor struct{ path jsonPath }

func (e jsonExtractor) user(page *document) (string, Reason) {
	text, bad := page.asJSON()
	if bad {
		return "", BadJSON
	}
	value, found := e.path.find(text)
	if !found {
		return "", ""
	}
	switch value.Kind() {
	case 'n', 'f':
		return "", ""
	case '"':
		unquoted, err := jsontext.AppendUnquote(nil, value)
		if err != nil {
			return "", BadJSON
		}
		return string(unquoted), ""
	case '0':
		// Only integers: 1.0 and 1e0 are the same number as 1, and one user must not have three ids.
		if strings.ContainsAny(string(value), ".eE") {
			return "", BadUserID
		}
		return string(value), ""
	default:
		return "", BadUserID
	}
}

func (e jsonExtractor) attribute(page *document) sessions.Attribute {
	text, _ := page.asJSON()
	value, found := e.path.find(text)
	if !found {
		return sessions.Attribute{}
	}
	var attribute sessions.Attribute
	if attribute.UnmarshalJSON(value) != nil {
		return sessions.Attribute{}
	}
	return attribute
}

type headerExtractor struct{ name string }

func (e headerExtractor) user(page *document) (string, Reason) { return only(page.header[e.name]) }

func (e headerExtractor) attribute(page *document) sessions.Attribute {
	return newAttribute(page.header[e.name])
}

type regexExtractor struct{ expression *regexp.Regexp }

// maxMatches bounds the work for one page. Where there are more, the expression does not fit the page.
const maxMatches = 1000

func (e regexExtractor) user(page *document) (string, Reason) {
	texts, complete := e.texts(page)
	if !complete {
		return "", Ambiguous
	}
	return only(texts)
}

func (e regexExtractor) attribute(page *document) sessions.Attribute {
	texts, complete := e.texts(page)
	if !complete {
		return sessions.Attribute{}
	}
	var distinct []string
	for _, text := range texts {
		if !slices.Contains(distinct, text) {
			distinct = append(distinct, text)
		}
	}
	return newAttribute(distinct)
}

// texts returns what the first group holds in each match, and whether these are all. A group that took no part in a
// match holds nothing.
func (e regexExtractor) texts(page *document) ([]string, bool) {
	matches := e.expression.FindAllSubmatchIndex(page.body, maxMatches+1)
	if len(matches) > maxMatches {
		return nil, false
	}
	texts := make([]string, len(matches))
	isHTML := page.isHTML()
	for i, match := range matches {
		if match[2] < 0 {
			continue
		}
		if texts[i] = string(page.body[match[2]:match[3]]); isHTML {
			texts[i] = html.UnescapeString(texts[i])
		}
	}
	return texts, true
}

// only returns the text that all the given ones are, or empty where there is none. An empty one among others counts:
// who can write into a page could otherwise name a user where the page itself says nobody.
func only(texts []string) (string, Reason) {
	if len(texts) == 0 {
		return "", ""
	}
	for _, text := range texts[1:] {
		if text != texts[0] {
			return "", Ambiguous
		}
	}
	return texts[0], ""
}

// newAttribute makes an attribute of the texts that are not empty: one text, or a list of several. What is no UTF-8
// could not be written into a token.
func newAttribute(texts []string) sessions.Attribute {
	kept := make([]string, 0, len(texts))
	for _, text := range texts {
		if !utf8.ValidString(text) {
			return sessions.Attribute{}
		}
		if text != "" {
			kept = append(kept, text)
		}
	}
	switch len(kept) {
	case 0:
		return sessions.Attribute{}
	case 1:
		return sessions.Text(kept[0])
	default:
		return sessions.List(kept...)
	}
}
