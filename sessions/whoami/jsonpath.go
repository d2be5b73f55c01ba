package whoami

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// jsonPath leads from the top of a JSON text to one value in it.
type jsonPath []jsonStep

// jsonStep is the name of a member, or, where it is a number, also the index of an element.
type jsonStep struct {
	name    string
	index   int
	isIndex bool
}

// maxPathSteps is longer than any page is deep.
const maxPathSteps = 32

// parseJSONPath reads names separated by dots. A step that is a number is the index of an element, counted from 0,
// where the value there is a list, and a name where it is an object. A backslash makes a dot or a backslash a part of a
// name.
func parseJSONPath(text string) (jsonPath, error) {
	var path jsonPath
	var name strings.Builder
	for i := 0; i <= len(text); i++ {
		switch {
		case i == len(text) || text[i] == '.':
			if name.Len() == 0 {
				return nil, fmt.Errorf("parsing json path %q: a name is empty; put one dot between names", text)
			}
			path = append(path, newJSONStep(name.String()))
			name.Reset()
		case text[i] == '\\':
			i++
			if i == len(text) || text[i] != '.' && text[i] != '\\' {
				return nil, fmt.Errorf("parsing json path %q: a backslash stands only before another or a dot", text)
			}
			name.WriteByte(text[i])
		default:
			name.WriteByte(text[i])
		}
	}
	if len(path) > maxPathSteps {
		return nil, fmt.Errorf("parsing json path %q: more than %d names", text, maxPathSteps)
	}
	return path, nil
}

func newJSONStep(name string) jsonStep {
	index, err := strconv.ParseUint(name, 10, 31)
	canonical := err == nil && strconv.FormatUint(index, 10) == name
	return jsonStep{name: name, index: int(index), isIndex: canonical}
}

// find returns the value that the path leads to, or false where there is none. The text must be valid.
func (p jsonPath) find(text jsontext.Value) (jsontext.Value, bool) {
	decoder := jsontext.NewDecoder(bytes.NewBuffer(text))
	for _, step := range p {
		if !step.enter(decoder) {
			return nil, false
		}
	}
	value, err := decoder.ReadValue()
	return value, err == nil
}

// enter moves the decoder from in front of an object or a list to in front of one of its values.
func (s jsonStep) enter(decoder *jsontext.Decoder) bool {
	opening, err := decoder.ReadToken()
	if err != nil {
		return false
	}
	switch opening.Kind() {
	case '{':
		return s.enterObject(decoder)
	case '[':
		return s.isIndex && enterList(decoder, s.index)
	default:
		return false
	}
}

func (s jsonStep) enterObject(decoder *jsontext.Decoder) bool {
	for decoder.PeekKind() == '"' {
		name, err := decoder.ReadToken()
		if err != nil {
			return false
		}
		if name.String() == s.name {
			return true
		}
		if decoder.SkipValue() != nil {
			return false
		}
	}
	return false
}

func enterList(decoder *jsontext.Decoder, index int) bool {
	for ; index > 0 && decoder.PeekKind() != ']'; index-- {
		if decoder.SkipValue() != nil {
			return false
		}
	}
	return decoder.PeekKind() != ']'
}
