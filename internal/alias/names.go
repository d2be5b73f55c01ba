package alias

import "strings"

// Names are the names of the cookies that carry a session together, as an operator configures them: one that ends in *
// stands for all names that begin so. The zero value has none.
type Names struct {
	names []name
}

// name is one configured name.
type name struct {
	configured string
	literal    string // without the final asterisks
	folded     string
	isPrefix   bool
}

// NewNames prepares the names.
func NewNames(configured ...string) Names {
	prepared := make([]name, 0, len(configured))
	for _, text := range configured {
		literal := strings.TrimRight(text, "*")
		prepared = append(prepared, name{
			configured: text, literal: literal, isPrefix: literal != text, folded: string(appendFolded(nil, literal)),
		})
	}
	return Names{names: prepared}
}

// isSession reports whether a cookie of this name is a session cookie itself.
func (n Names) isSession(text string) bool {
	for i := range n.names {
		if text == n.names[i].literal || n.names[i].isPrefix && strings.HasPrefix(text, n.names[i].literal) {
			return true
		}
	}
	return false
}

// taken returns the configured name that a parser could take the text for, or "". The text is what stands before an
// equals sign, or a whole piece without one.
func (n Names) taken(text string) string {
	if isFolded(text) {
		return takenFor(n.names, text)
	}
	var memory [256]byte // a longer name is rare enough to allocate
	return takenFor(n.names, appendFolded(memory[:0], text))
}

// takenFor tries each place of a folded text that has nothing before it but what a parser may trim.
func takenFor[Text string | []byte](names []name, text Text) string {
	for start := range len(text) {
		for i := range names {
			if isNamed(&names[i], text[start:]) {
				return names[i].configured
			}
		}
		if kinds[text[start]] == word {
			break
		}
	}
	return ""
}

// isNamed reports whether the text begins with the name and goes on with nothing that a parser counts to it.
func isNamed[Text string | []byte](name *name, text Text) bool {
	if len(text) < len(name.folded) {
		return false
	}
	for i := range len(name.folded) {
		if text[i] != name.folded[i] && !(isUnderscore(text[i]) && isUnderscore(name.folded[i])) {
			return false
		}
	}
	for i := len(name.folded); i < len(text) && !name.isPrefix; i++ {
		switch {
		case text[i] == '[' || text[i] == '=' || text[i] == ',' || text[i] == 0:
			return true // PHP makes an array of what has a bracket, and cuts at a zero byte
		case kinds[text[i]] == word:
			return false
		}
	}
	return true
}

// isUnderscore reports whether PHP could read the byte as an underscore. A plus sign may stand for a space.
func isUnderscore(char byte) bool {
	return char <= ' ' || char == '_' || char == '.' || char == '[' || char == '+'
}
