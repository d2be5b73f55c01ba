package realm

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// maxName is the length of the longest name that placeholders may make.
const maxName = 200

// Pattern is a realm as it is configured: a fixed name, or a text with placeholders that are filled in for each request.
// The zero Pattern matches no name.
type Pattern struct {
	text string
	// What is fixed before, between and behind the placeholders, as Resolve writes it: one text more than there are
	// placeholders. Both are nil where the name is fixed.
	fixed        []string
	placeholders []string
}

// Parse reads a realm of the configuration.
func Parse(text string) (Pattern, error) {
	if !strings.ContainsAny(text, "{}") {
		if !IsName(text) {
			return Pattern{}, fmt.Errorf("the realm %q must be letters, digits, _ and -, or have placeholders", text)
		}
		return Pattern{text: text}, nil
	}
	parsed := Pattern{text: text}
	rest := text
	for {
		before, behind, more := strings.Cut(rest, "{")
		parsed.fixed = append(parsed.fixed, lower(before))
		if !more {
			break
		}
		name, after, closed := strings.Cut(behind, "}")
		switch {
		case !closed || strings.Contains(name, "{"):
			return Pattern{}, fmt.Errorf("the realm %q has a placeholder that is not closed", text)
		case name == "":
			return Pattern{}, fmt.Errorf("the realm %q has a placeholder without a name", text)
		}
		parsed.placeholders = append(parsed.placeholders, name)
		rest = after
	}
	return parsed, parsed.check()
}

func (p Pattern) check() error {
	for i, part := range p.fixed {
		switch {
		case part != "" && !IsText(part), len(p.placeholders) == 0:
			return fmt.Errorf("the realm %q must be letters, digits, _, - and . beside its placeholders", p.text)
		case part == "" && i > 0 && i < len(p.placeholders):
			return fmt.Errorf("the realm %q has two placeholders side by side, so that different values make one realm; "+
				"put a text between them that values do not hold, such as _", p.text)
		}
	}
	return nil
}

// String returns the realm as it is configured.
func (p Pattern) String() string { return p.text }

// Dynamic reports whether the name depends on the request.
func (p Pattern) Dynamic() bool { return p.placeholders != nil }

// errAmbiguous is wrapped by errors about values that would make the realm of other values.
var errAmbiguous = errors.New("another value could make the same realm; write a text between the placeholders that values do " +
	"not hold, such as _")

// Resolve returns the name of one request's realm. The function returns the value of a placeholder, and nothing where it
// has none. The error names the placeholder that makes no realm, and never its value.
func (p Pattern) Resolve(value func(placeholder string) string) (string, error) {
	if !p.Dynamic() {
		return p.text, nil
	}
	values := make([]string, len(p.placeholders))
	for i, placeholder := range p.placeholders {
		normal, err := resolveOne(placeholder, value)
		if err != nil {
			return "", fmt.Errorf("the placeholder {%s}: %w", placeholder, err)
		}
		values[i] = normal
	}
	return p.join(values)
}

// The host of a request, and the start of the placeholders for its labels, which are counted from the end.
const (
	hostPlaceholder   = "http.request.host"
	labelsPlaceholder = hostPlaceholder + ".labels."
)

// resolveOne returns the value of a placeholder as it is in a realm. The labels of a host are counted here, since a final
// dot would shift them.
func resolveOne(placeholder string, value func(string) string) (string, error) {
	number, isLabel := strings.CutPrefix(placeholder, labelsPlaceholder)
	if !isLabel {
		return Normal(value(placeholder))
	}
	host, err := Normal(value(hostPlaceholder))
	if err != nil {
		return "", err
	}
	labels := strings.Split(host, ".")
	n, err := strconv.Atoi(number)
	if err != nil || n < 0 || n >= len(labels) {
		return "", errEmpty
	}
	return labels[len(labels)-1-n], nil
}

// join returns the name that values make which are normal already.
func (p Pattern) join(values []string) (string, error) {
	var name strings.Builder
	for i, value := range values {
		name.WriteString(p.fixed[i])
		name.WriteString(value)
		// Whoever reads the name from its start finds this value again, and no other one.
		if behind := p.fixed[i+1]; i+1 < len(values) && strings.Index(value+behind, behind) != len(value) {
			return "", fmt.Errorf("the placeholder {%s}: its value holds the text that stands behind it, %q: %w",
				p.placeholders[i], behind, errAmbiguous)
		}
	}
	name.WriteString(p.fixed[len(values)])
	if name.Len() > maxName {
		return "", fmt.Errorf("the name is longer than %d bytes", maxName)
	}
	return name.String(), nil
}

// split returns the values that make a name, as they stand in it.
func (p Pattern) split(name string) ([]string, bool) {
	folded := lower(name)
	last := len(p.fixed) - 1
	if !strings.HasPrefix(folded, p.fixed[0]) || !strings.HasSuffix(folded, p.fixed[last]) ||
		len(name) < len(p.fixed[0])+len(p.fixed[last]) {
		return nil, false
	}
	start, end := len(p.fixed[0]), len(name)-len(p.fixed[last])
	values := make([]string, 0, len(p.placeholders))
	for _, between := range p.fixed[1:last] {
		length := strings.Index(folded[start:end], between)
		if length < 0 {
			return nil, false
		}
		values = append(values, name[start:start+length])
		start += length + len(between)
	}
	return append(values, name[start:end]), true
}

// Spelled returns the name of the realm that a person means who writes it as hosts may be written, in upper case or with a
// final dot, and false where no request has such a realm.
func (p Pattern) Spelled(name string) (string, bool) {
	if !p.Dynamic() {
		return p.text, p.text != "" && name == p.text
	}
	values, ok := p.split(name)
	if !ok {
		return "", false
	}
	for i, value := range values {
		normal, err := normalOrAddress(value)
		if err != nil {
			return "", false
		}
		values[i] = normal
	}
	joined, err := p.join(values)
	return joined, err == nil
}

// Matches reports whether the realm of some request can have this name.
func (p Pattern) Matches(name string) bool {
	if !p.Dynamic() {
		return p.text != "" && p.text == name
	}
	spelled, ok := p.Spelled(name)
	return ok && spelled == name
}

// Placeholder returns what the placeholder shows for the name that Resolve returned. A fixed name is not copied for each
// request. Do not change what it points to.
func (p *Pattern) Placeholder(name string) *string {
	if !p.Dynamic() {
		return &p.text
	}
	shown := name
	return &shown
}

// Example returns the name of a realm that some request can have.
func (p Pattern) Example() string {
	if !p.Dynamic() {
		return p.text
	}
	return strings.Join(p.fixed, "x")
}

// IsName reports whether the text is the name of a fixed realm, or of an attribute.
func IsName(text string) bool { return IsText(text) && !strings.Contains(text, ".") }

// IsText reports whether the text has only letters, digits, _, - and . in it, which host names have.
func IsText(text string) bool {
	for i := range len(text) {
		char := text[i]
		letter := 'A' <= char && char <= 'Z' || 'a' <= char && char <= 'z'
		if !letter && (char < '0' || char > '9') && char != '-' && char != '_' && char != '.' {
			return false
		}
	}
	return text != ""
}
