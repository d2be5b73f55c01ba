package whoami

import (
	"bytes"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// Path is a place in a JSON text that holds a text, a number, true, false or null.
type Path struct {
	// Name is the path as [ParseExtractor] reads it. It is empty where the text itself is the value.
	Name string
	// Kind is "text", "number", "true or false" or "null".
	Kind string
}

// maxPaths is how many places of one answer are named, and maxPathName how long a name may be.
const (
	maxPaths    = 50
	maxPathName = 256
)

// Paths returns the places of an answer that hold a value, in their order, the first 50 of them. They hold the names of
// members and no values. isJSON reports whether the answer is one valid JSON text, as [Page.Read] reads it. maxBody bounds the
// decoded answer.
func Paths(answer Answer, maxBody int) (paths []Path, isJSON bool) {
	body, reason := decodeBody(answer.Header, answer.Body, maxBody)
	if answer.Failure != "" || reason != "" {
		return nil, false
	}
	text, bad := (&document{header: answer.Header, body: body}).asJSON()
	if bad || text == nil {
		return nil, false
	}
	walk := pathWalk{decoder: jsontext.NewDecoder(bytes.NewBuffer(text))}
	walk.value("", 0)
	return walk.found, true
}

type pathWalk struct {
	decoder *jsontext.Decoder
	found   []Path
}

// value reads one value, and reports whether to go on.
func (w *pathWalk) value(at string, depth int) bool {
	kind := w.decoder.PeekKind()
	if kind != '{' && kind != '[' {
		if name := kindName(kind); name != "" && len(at) <= maxPathName {
			w.found = append(w.found, Path{Name: at, Kind: name})
		}
		return w.decoder.SkipValue() == nil && len(w.found) < maxPaths
	}
	if depth == maxPathSteps || len(at) > maxPathName {
		return w.decoder.SkipValue() == nil
	}
	if _, err := w.decoder.ReadToken(); err != nil {
		return false
	}
	for index := 0; w.decoder.PeekKind() != kind+2; index++ { // the closing bracket
		step := strconv.Itoa(index)
		if kind == '{' {
			name, err := w.decoder.ReadToken()
			if err != nil {
				return false
			}
			step = escapeStep(name.String())
		}
		if step == "" { // which no path can name
			if w.decoder.SkipValue() != nil {
				return false
			}
			continue
		}
		if at != "" {
			step = at + "." + step
		}
		if !w.value(step, depth+1) {
			return false
		}
	}
	_, err := w.decoder.ReadToken()
	return err == nil
}

// escapeStep writes a member's name as a step of a path.
func escapeStep(name string) string { return strings.NewReplacer(`\`, `\\`, `.`, `\.`).Replace(name) }

func kindName(kind jsontext.Kind) string {
	switch kind {
	case '"':
		return "text"
	case '0':
		return "number"
	case 't', 'f':
		return "true or false"
	case 'n':
		return "null"
	default:
		return ""
	}
}
