package sessions

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
)

// Attributes holds the attributes of a user by name.
type Attributes map[string]Attribute

// Attribute is one thing that the application says of a user: nothing, one text, or a list of texts. The zero value is
// nothing. An Attribute never changes.
type Attribute struct {
	texts []string
	kind  attributeKind
}

type attributeKind uint8

const (
	absent attributeKind = iota
	single
	list
)

// ErrAttribute is returned for a JSON value that is no attribute: an object, or a list that holds anything but texts,
// numbers and truth values.
var ErrAttribute = errors.New("an attribute is null, a text, a number, true, false, or a list of these")

// Text returns an attribute of one text.
func Text(text string) Attribute { return Attribute{texts: []string{text}, kind: single} }

// List returns an attribute that is a list of texts. It copies the list.
func List(texts ...string) Attribute { return Attribute{texts: slices.Clone(texts), kind: list} }

// Present reports whether there is a value.
func (a Attribute) Present() bool { return a.kind != absent }

// IsList reports whether the value is a list.
func (a Attribute) IsList() bool { return a.kind == list }

// Texts returns the value as a list. The list is empty if there is no value, and has one element if the value is one text.
// It is a copy.
func (a Attribute) Texts() []string { return slices.Clone(a.texts) }

// HasAll reports whether the attribute has all the values, of which there must be one. A text is one value: it is never
// taken apart.
func (a Attribute) HasAll(values []string) bool {
	if !a.Present() || len(values) == 0 {
		return false
	}
	for _, value := range values {
		if !slices.Contains(a.texts, value) {
			return false
		}
	}
	return true
}

// Equal reports whether both are the same value of the same kind. One text is not equal to a list of one text.
func (a Attribute) Equal(other Attribute) bool {
	return a.kind == other.kind && slices.Equal(a.texts, other.texts)
}

// MarshalJSON returns null, a string or an array of strings.
func (a Attribute) MarshalJSON() ([]byte, error) {
	switch a.kind {
	case single:
		return marshal(a.texts[0])
	case list:
		if a.texts == nil {
			return []byte("[]"), nil
		}
		return marshal(a.texts)
	default:
		return []byte("null"), nil
	}
}

// marshal returns the value as JSON. It does not escape <, > and &: a token is no HTML, and every byte of it is sent with
// each request.
func marshal(value any) ([]byte, error) {
	var buffer bytes.Buffer
	encoder := json.NewEncoder(&buffer)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(buffer.Bytes(), []byte("\n")), nil
}

// UnmarshalJSON reads what [Attribute.MarshalJSON] writes. It also reads numbers and truth values, as the text that they are
// written with. It returns [ErrAttribute] for any other JSON value.
func (a *Attribute) UnmarshalJSON(data []byte) error {
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.UseNumber()
	var value any
	if err := decoder.Decode(&value); err != nil {
		return err
	}
	attribute, err := attributeOf(value)
	if err != nil {
		return err
	}
	*a = attribute
	return nil
}

func attributeOf(value any) (Attribute, error) {
	elements, isList := value.([]any)
	if !isList {
		if value == nil {
			return Attribute{}, nil
		}
		text, err := textOf(value)
		return Text(text), err
	}
	texts := make([]string, len(elements))
	for i, element := range elements {
		text, err := textOf(element)
		if err != nil {
			return Attribute{}, err
		}
		texts[i] = text
	}
	return Attribute{texts: texts, kind: list}, nil
}

func textOf(value any) (string, error) {
	switch value := value.(type) {
	case string:
		return value, nil
	case json.Number:
		return value.String(), nil
	case bool:
		return fmt.Sprint(value), nil
	default:
		return "", ErrAttribute
	}
}
