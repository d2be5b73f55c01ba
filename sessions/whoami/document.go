package whoami

import (
	"bytes"
	"net/http"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// document is one page as the extractors see it: its header and its decoded body.
type document struct {
	header http.Header
	body   []byte

	parsed bool
	json   jsontext.Value
	bad    bool
}

// isHTML reports whether the page is one in which character references stand for characters.
func (d *document) isHTML() bool {
	mediaType, _, _ := strings.Cut(d.header.Get("Content-Type"), ";")
	switch strings.ToLower(strings.Trim(mediaType, " \t")) {
	case "text/html", "application/xhtml+xml":
		return true
	default:
		return false
	}
}

// asJSON returns the body where it is one JSON text. A body that begins as an object or a list and is not a valid one
// is bad: two readers could see different things in it. So is one with a name twice in one object, or with invalid
// UTF-8 (RFC 8259 sections 4 and 8.1). Any other body, such as an HTML page, is just no JSON.
func (d *document) asJSON() (text jsontext.Value, bad bool) {
	if !d.parsed {
		d.parsed = true
		body := jsontext.Value(bytes.TrimPrefix(d.body, []byte("\ufeff")))
		if body.IsValid() {
			d.json = body
		} else {
			kind := body.Kind()
			d.bad = kind == '{' || kind == '['
		}
	}
	return d.json, d.bad
}
