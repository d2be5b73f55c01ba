package alias

import "strings"

// Kind says why a piece of the Cookie lines is not for the application. The zero value says that nothing was found.
type Kind uint8

const (
	// Nothing was found.
	Nothing Kind = iota
	// Spelling is a cookie whose name some parsers read as that of a session cookie.
	Spelling
	// Inside is a cookie in whose value some parsers find a session cookie.
	Inside
	// OpenQuote is a cookie whose quoted value does not end, so that some parsers read on into the next cookie.
	OpenQuote
	// Version is the mark of RFC 2109 that makes some servers read the cookies behind it by other rules.
	Version
)

// String returns the kind in words for a log.
func (k Kind) String() string {
	switch k {
	case Spelling:
		return "another spelling of the name"
	case Inside:
		return "a session cookie inside of another cookie"
	case OpenQuote:
		return "a quoted value without an end"
	case Version:
		return "$Version of RFC 2109"
	default:
		return "nothing"
	}
}

// Finding is the first thing that was removed. It holds nothing that the client sent.
type Finding struct {
	Kind Kind
	Name string // the session cookie as it is configured, where one is meant
}

// Clean returns the Cookie lines of a request as the application may have them: one line at most, without the cookies
// that it could take for a session cookie of one of the names or that could hide one. All others stay byte for byte and
// in their order. The session cookies themselves stay, less the white space around name and value, which is not a part of
// them here but is for some parsers. One goes where another one is inside of its value, or where an earlier one's quote could
// run on into it. The given lines are not changed, and are returned themselves where there is nothing to do.
func (n Names) Clean(lines []string) ([]string, Finding) {
	var first Finding
	var kept strings.Builder
	copying, open := len(lines) > 1, false
	for _, line := range lines {
		for start := 0; start <= len(line); {
			end := segmentEnd(line, start)
			segment, found, opens := n.judge(line[start:end], open)
			open = open || opens
			if first.Kind == Nothing {
				first = found
			}
			if !copying && (segment.isOther || found.Kind != Nothing) {
				copying = true
				kept.Grow(len(line))
				kept.WriteString(line[:max(start-1, 0)])
			}
			if copying && found.Kind == Nothing {
				segment.writeTo(&kept, start == 0)
			}
			start = end + 1
		}
	}
	switch {
	case !copying:
		return lines, first
	case strings.Trim(kept.String(), " \t;") == "":
		return nil, first
	default:
		return []string{kept.String()}, first
	}
}

func segmentEnd(line string, start int) int {
	if length := strings.IndexByte(line[start:], ';'); length >= 0 {
		return start + length
	}
	return len(line)
}

// segment is what stands between two semicolons, as it goes upstream.
type segment struct {
	text, value string // of a session cookie all up to its equals sign, and its value
	isOther     bool   // it is another text than the one that came
}

// writeTo adds the segment to the line. One that begins a line was separated from what is before by the line alone.
func (s segment) writeTo(kept *strings.Builder, beginsLine bool) {
	text := s.text
	switch {
	case kept.Len() == 0:
		text = strings.TrimLeft(text, blanks)
	case beginsLine && strings.Trim(text, blanks) == "":
		return
	case beginsLine:
		kept.WriteString("; ")
		text = strings.TrimLeft(text, blanks)
	default:
		kept.WriteByte(';')
	}
	kept.WriteString(text)
	kept.WriteString(s.value)
}

// blanks are the white space of HTTP.
const blanks = " \t"

// judge says what one segment is. Open tells that a session cookie before it has a quote that did not end, and the last
// result that this one is such a cookie.
func (n Names) judge(text string, open bool) (segment, Finding, bool) {
	kept, hasQuote := segment{text: text}, strings.IndexByte(text, '"') >= 0
	if open && hasQuote {
		return kept, Finding{Kind: OpenQuote}, false
	}
	name, value, hasValue := strings.Cut(text, "=")
	if !hasValue {
		if configured := n.taken(strings.TrimLeft(text, blanks)); configured != "" {
			return kept, Finding{Kind: Spelling, Name: configured}, false
		}
		return kept, Finding{}, false
	}
	if n.isSession(strings.Trim(name, blanks)) {
		if trimmed := strings.Trim(value, blanks); trimmed != value || strings.TrimRight(name, blanks) != name {
			kept = segment{text: strings.TrimRight(name, blanks) + "=", value: trimmed, isOther: true}
		}
		var found Finding
		if hasBoundary(value) {
			found = n.search(text, len(name))
		}
		return kept, found, hasQuote && hasOpenQuote(text)
	}
	found := n.find(text, name, value)
	if found.Kind == Nothing && hasQuote && hasOpenQuote(text) {
		found.Kind = OpenQuote
	}
	return kept, found, false
}

// find says what a cookie is that is no session cookie by its name. Nearly all have one name, and a value in which no parser
// begins another one: they are not searched.
func (n Names) find(text, name, value string) Finding {
	trimmed := strings.TrimLeft(name, blanks) // a space at the end may be an underscore
	if trimmed == "" || kinds[trimmed[0]] != word || hasBoundary(trimmed) || hasBoundary(value) {
		return n.search(text, -1)
	}
	return n.name(trimmed, reading{}, len(trimmed), Spelling)
}

// hasBoundary reports whether a parser could begin another cookie within the text.
func hasBoundary(text string) bool {
	for i := range len(text) {
		if kinds[text[i]] == boundary {
			return true
		}
	}
	return false
}

// search looks for a session cookie's name before an equals sign, wherever some parser begins to read a name: at the
// beginning of the segment, behind a comma, and behind each other boundary. From is where the segment's own equals sign
// is if its name was judged before, else -1.
func (n Names) search(segment string, from int) Finding {
	whole, piece, word := reading{start: -1}, reading{start: -1}, reading{start: -1}
	if from >= 0 {
		whole, piece, word = reading{read: true}, reading{read: true}, reading{read: true}
	}
	for i := max(from, 0); i < len(segment); i++ {
		size := 1
		switch kind := kinds[segment[i]]; {
		case segment[i] == '=' && word.start >= 0 && !word.read:
			kind := Inside
			if !whole.read {
				kind = Spelling
			}
			for _, one := range [...]reading{whole, piece, word} {
				if found := n.name(segment, one, i, kind); found.Kind != Nothing {
					return found
				}
			}
			whole.read, piece.read, word.read = true, true, true
			continue
		case kind == boundary:
			if size = otherCase(segment[i:]); size == 0 {
				word.ended, piece.ended = true, piece.ended || segment[i] == ','
				continue
			}
		case kind == junk && (word.ended || word.start < 0):
			continue
		}
		start := i
		if i > 0 && (segment[i-1] == '[' || segment[i-1] == '+') {
			start-- // it can stand for an underscore
		}
		whole.begin(start)
		piece.begin(start)
		word.begin(start)
		i += size - 1
	}
	return Finding{}
}

// reading is where a parser may have begun to read a name.
type reading struct {
	start int  // -1: nowhere yet
	read  bool // its name was judged
	ended bool // what follows is another one
}

// begin notes that a name may begin here, or goes on.
func (r *reading) begin(position int) {
	if r.ended || r.start < 0 {
		*r = reading{start: position}
	}
}

// name judges what stands before the equals sign at a position. A session cookie's name is a finding of the given kind.
func (n Names) name(segment string, reading reading, position int, kind Kind) Finding {
	if reading.read {
		return Finding{}
	}
	text := segment[reading.start:position]
	if name := n.taken(text); name != "" {
		return Finding{Kind: kind, Name: name}
	}
	if version.taken(text) != "" {
		return Finding{Kind: Version}
	}
	return Finding{}
}

var version = NewNames("$Version")

// hasOpenQuote reports whether a quoted value begins in the segment that some parser does not see end there: with a
// backslash before it, a quotation mark ends the value for some parsers and not for others.
func hasOpenQuote(segment string) bool {
	return endsInQuote(segment, false) || endsInQuote(segment, true)
}

func endsInQuote(segment string, escapes bool) bool {
	afterEquals, inside := false, false
	for i := 0; i < len(segment); i++ {
		switch char := segment[i]; {
		case inside && escapes && char == '\\':
			i++
		case char == '"' && (inside || afterEquals):
			inside, afterEquals = !inside, false
		case char == '=':
			afterEquals = true
		case kinds[char] != boundary || char == ',':
			afterEquals = false
		}
	}
	return inside
}
