package whoami

import (
	"errors"
	"strings"

	"github.com/caddy-jwt-session/caddy-jwt-session/sessions"
)

// SplitBy returns an extractor that splits each text of an attribute at the separator, so that the attribute is a list.
// Blanks and line breaks around an element are no part of it. Empty elements are left out. A list in a JSON answer stays as
// it is.
func SplitBy(extractor Extractor, separator string) (Extractor, error) {
	if separator == "" {
		return nil, errors.New("splitting an attribute: the separator is empty; want what stands between the elements")
	}
	return listExtractor{extractor, separator}, nil
}

type listExtractor struct {
	Extractor

	separator string
}

func (e listExtractor) attribute(page *document) sessions.Attribute {
	found := e.Extractor.attribute(page)
	if _, isJSON := e.Extractor.(jsonExtractor); !found.Present() || isJSON && found.IsList() {
		return found
	}
	var elements []string
	for _, text := range found.Texts() {
		for element := range strings.SplitSeq(text, e.separator) {
			if element = strings.Trim(element, " \t\r\n"); element != "" {
				elements = append(elements, element)
			}
		}
	}
	return sessions.List(elements...)
}
