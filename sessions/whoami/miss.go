package whoami

import (
	"mime"
	"net/http"
)

// Miss is what a page that names nobody lacks, as far as that shows a mistake. The zero value shows none: the page may well be
// for a visitor who is not signed in.
type Miss string

const (
	// NotJSON means that the user is in JSON, and that the page is none.
	NotJSON Miss = "not_json"
	// NoSuchPath means that the page is JSON, and that there is nothing where the user would be, not even null.
	NoSuchPath Miss = "no_such_path"
)

// Miss returns what an answer with status 200 lacks. It reads the answer once more, so it is not for every one.
func (p *Page) Miss(answer Answer) Miss {
	extractor, ok := p.User.(jsonExtractor)
	if !ok || answer.Status != http.StatusOK {
		return ""
	}
	body, reason := decodeBody(answer.Header, answer.Body, p.MaxBody)
	if reason != "" {
		return ""
	}
	text, bad := (&document{header: answer.Header, body: body}).asJSON()
	switch {
	case bad:
		return ""
	case len(text) == 0:
		return NotJSON
	}
	for end := range extractor.path {
		value, found := extractor.path[:end+1].find(text)
		switch {
		case !found:
			return NoSuchPath
		case value.Kind() == 'n' || value.Kind() == 'f':
			return "" // it says that there is nobody
		}
	}
	return ""
}

// maxMediaType is the longest media type that is worth showing.
const maxMediaType = 100

// MediaType returns the type and subtype of the answer, or nothing if it has none that is worth showing.
func (a Answer) MediaType() string {
	name, _, err := mime.ParseMediaType(a.Header.Get("Content-Type"))
	if err != nil || len(name) > maxMediaType || !isVisibleASCII(name) {
		return ""
	}
	return name
}

// RedirectsTo returns the path that the answer redirects to, without what may be secret in it. It is empty if the answer does
// not redirect.
func (a Answer) RedirectsTo() string {
	if a.Status < 300 || a.Status > 399 {
		return ""
	}
	return a.location()
}
