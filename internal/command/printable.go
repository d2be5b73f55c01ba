package command

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// printable returns a text that shows all that is in it and does nothing to a terminal. What users, applications, servers and
// arguments bring may hold control characters, which move the cursor or change the window's title, characters that turn
// the direction of writing, and others that nobody sees. They are written as Go's escapes.
func printable(text string) string {
	return escape(text, func(into *strings.Builder, char rune, raw string) {
		if char == utf8.RuneError && len(raw) == 1 {
			fmt.Fprintf(into, `\x%02x`, raw[0])
			return
		}
		quoted := strconv.QuoteRuneToASCII(char)
		into.WriteString(quoted[1 : len(quoted)-1])
	})
}

// printableJSON does the same with JSON, in which such characters stand in texts alone. It says the same as before.
func printableJSON(text string) string {
	return escape(text, func(into *strings.Builder, char rune, raw string) {
		if raw == "\n" {
			into.WriteString(raw) // between the members
			return
		}
		if first, second := utf16.EncodeRune(char); first != utf8.RuneError {
			fmt.Fprintf(into, `\u%04x\u%04x`, first, second)
			return
		}
		fmt.Fprintf(into, `\u%04x`, char)
	})
}

// escape gives each character that is not visible to a function, with the bytes that it is written as.
func escape(text string, write func(into *strings.Builder, char rune, raw string)) string {
	var escaped strings.Builder
	for i := 0; i < len(text); {
		char, size := utf8.DecodeRuneInString(text[i:])
		raw := text[i : i+size]
		if isVisible(char) && !(char == utf8.RuneError && size == 1) {
			escaped.WriteString(raw)
		} else {
			write(&escaped, char, raw)
		}
		i += size
	}
	return escaped.String()
}

// brailleBlank is drawn as nothing, though it counts as a symbol.
const brailleBlank = '\u2800'

// isVisible reports whether a character is one that people see, or the usual space. Others that are drawn as a space or as
// nothing are not.
func isVisible(char rune) bool {
	// No control, format, private or unassigned character is printable, and of the spaces the usual one alone.
	return unicode.IsPrint(char) && char != brailleBlank &&
		!unicode.In(char, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector)
}

// printableError is an error whose text is printable.
func printableError(err error) error {
	if err == nil {
		return nil
	}
	return errors.New(printable(err.Error()))
}

// cleaned returns the arguments of a format with each text printable. What the format itself says stays.
func cleaned(arguments []any) []any {
	clean := make([]any, len(arguments))
	for i, argument := range arguments {
		switch argument := argument.(type) {
		case int, int64, uint64, float64, bool:
			clean[i] = argument
		default:
			clean[i] = printable(fmt.Sprint(argument))
		}
	}
	return clean
}
