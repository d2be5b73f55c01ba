package option

import (
	"errors"
	"fmt"
	"strings"

	"github.com/caddyserver/caddy/v2"
)

// Expanded fills in the placeholders of an option and cuts the white space around it off, which a file may end with. The
// error does not say what it could not replace: that may be a secret that holds braces.
func Expanded(option string) (string, error) {
	text, err := caddy.NewReplacer().ReplaceOrErr(option, true, true)
	if err != nil {
		return "", errors.New("a placeholder in it is unknown or empty")
	}
	return strings.TrimSpace(text), nil
}

// SafeURL returns the text of a URL for an error, unless it may hold a password.
func SafeURL(text string) string {
	if strings.Contains(text, "@") {
		return "(a URL with a user name)"
	}
	return fmt.Sprintf("%q", text)
}
