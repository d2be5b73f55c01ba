package probe

import "strings"

// plain are the characters of an argument that needs no quotes in a Caddyfile.
const plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._/*:?&=%@~+,"

// Quote returns a text as one argument of a Caddyfile. A Caddyfile can't hold a text with both a backtick and a backslash before a
// quotation mark.
func Quote(text string) string {
	switch {
	case text != "" && strings.Trim(text, plain) == "":
		return text
	case !strings.Contains(text, "`"):
		return "`" + text + "`"
	default:
		return `"` + strings.ReplaceAll(text, `"`, `\"`) + `"`
	}
}
