package alias

import "strings"

// kind says what a byte does in the text of a cookie.
type kind uint8

const (
	// word bytes are a part of a name for every parser.
	word kind = iota
	// junk bytes are skipped by some parsers where they stand around a name.
	junk
	// boundary bytes are skipped too, and some parsers begin another cookie behind them.
	boundary
)

var kinds = func() (kinds [256]kind) {
	for char := range kinds {
		switch {
		case char <= ' ' || char >= 0x7f || char == ',':
			kinds[char] = boundary
		case strings.IndexByte(`()<>@:\"/[]?={}+`, byte(char)) >= 0:
			kinds[char] = junk
		}
	}
	return kinds
}()

// isFolded reports whether folding would change nothing.
func isFolded(text string) bool {
	for i := range len(text) {
		if char := text[i]; char == '%' || char >= 0x80 || 'A' <= char && char <= 'Z' {
			return false
		}
	}
	return true
}

// appendFolded appends the text in lower case and percent-decoded, as often as that can be done: it looks at the end of
// what it has so far, so that one pass is enough.
func appendFolded(folded []byte, text string) []byte {
	for i := range len(text) {
		folded = settle(append(folded, lower(text[i])))
	}
	return folded
}

// settle decodes what the end of the text has become. Each round makes it shorter.
func settle(text []byte) []byte {
	for {
		before := len(text)
		if text = decodeEnd(text); len(text) == before {
			return text
		}
	}
}

// decodeEnd decodes %XX and %uXXXX at the end of the text, and letters that are ASCII ones in another case.
func decodeEnd(text []byte) []byte {
	size := len(text)
	if size >= 3 && text[size-3] == '%' {
		if value, ok := readHex(text[size-2:]); ok {
			return append(text[:size-3], lower(byte(value)))
		}
	}
	if size >= 6 && text[size-6] == '%' && text[size-5] == 'u' {
		if value, ok := readHex(text[size-4:]); ok {
			return append(text[:size-6], asciiOf(value))
		}
	}
	for _, letter := range otherCases {
		if start := size - len(letter.utf8); start >= 0 && string(text[start:]) == letter.utf8 {
			return append(text[:start], letter.ascii)
		}
	}
	return text
}

// otherCases are the letters beyond ASCII that some libraries count as an ASCII letter where they ignore case.
var otherCases = []struct {
	utf8  string
	ascii byte
}{{"ſ", 's'}, {"\u212a", 'k'}, {"ı", 'i'}, {"İ", 'i'}}

// otherCase returns the length of such a letter at the beginning of the text, and 0 where there is none.
func otherCase(text string) int {
	if text[0] < 0x80 {
		return 0
	}
	for _, letter := range otherCases {
		if strings.HasPrefix(text, letter.utf8) {
			return len(letter.utf8)
		}
	}
	return 0
}

// asciiOf returns the byte that stands for a character of UTF-16: one that is trimmed for all that no name can hold.
func asciiOf(unit int) byte {
	for _, letter := range otherCases {
		if string(rune(unit)) == letter.utf8 {
			return letter.ascii
		}
	}
	if unit >= 0x80 {
		return 0x80
	}
	return lower(byte(unit))
}

func lower(char byte) byte {
	if 'A' <= char && char <= 'Z' {
		return char + 'a' - 'A'
	}
	return char
}

func readHex(text []byte) (value int, ok bool) {
	for _, char := range text {
		digit := strings.IndexByte("0123456789abcdef", lower(char))
		if digit < 0 {
			return 0, false
		}
		value = value<<4 | digit
	}
	return value, true
}
