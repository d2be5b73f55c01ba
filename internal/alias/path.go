package alias

import "strings"

// CleanPath returns an escaped path without the path parameters that are named like a session cookie, as in
// /page;jsessionid=1, in any spelling that [Names.Clean] knows and with the semicolon escaped or not. A path that has none
// is returned as it is.
func (n Names) CleanPath(escaped string) string {
	if strings.IndexByte(escaped, ';') < 0 && strings.IndexByte(escaped, '%') < 0 {
		return escaped
	}
	var kept strings.Builder
	copied := 0 // up to where the path was taken over
	for i := 0; i < len(escaped); {
		size := semicolon(escaped[i:])
		if size == 0 {
			i++
			continue
		}
		end := parameterEnd(escaped, i+size)
		if n.taken(escaped[i+size:end]) != "" {
			kept.WriteString(escaped[copied:i])
			copied = end
		}
		i = end
	}
	if copied == 0 {
		return escaped
	}
	kept.WriteString(escaped[copied:])
	return kept.String()
}

// parameterEnd returns where the parameter that begins at a position ends.
func parameterEnd(escaped string, position int) int {
	for ; position < len(escaped); position++ {
		if escaped[position] == '/' || semicolon(escaped[position:]) > 0 {
			break
		}
	}
	return position
}

// maxDecoding is how many times a path is decoded on its way through proxies and applications, at the most.
const maxDecoding = 3

// semicolon returns the length of a semicolon at the beginning of the text, escaped or not, and 0 where there is none.
func semicolon(text string) int {
	if text[0] == ';' {
		return 1
	}
	if text[0] != '%' {
		return 0
	}
	for times := 1; times <= maxDecoding; times++ {
		if char, size := decodeChar(text, times); char == ';' {
			return size
		}
	}
	return 0
}

// decodeChar returns the first byte of the text after it was decoded that many times, and how long its escaped form is.
func decodeChar(text string, times int) (char byte, size int) {
	switch {
	case text == "":
		return 0, 0
	case times == 0:
		return text[0], 1
	}
	char, size = decodeChar(text, times-1)
	if char != '%' {
		return char, size
	}
	high, highSize := decodeChar(text[size:], times-1)
	low, lowSize := decodeChar(text[size+highSize:], times-1)
	if value, ok := readHex([]byte{high, low}); ok {
		return byte(value), size + highSize + lowSize
	}
	return char, size
}
