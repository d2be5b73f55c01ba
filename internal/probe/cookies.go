package probe

import (
	"errors"
	"fmt"
	"strings"

	"golang.org/x/net/http/httpguts"

	"github.com/caddy-jwt-session/caddy-jwt-session/validator"
)

// cookieLine returns the Cookie line that a text stands for: the value of the session cookie alone, if the configuration names
// one cookie, or the cookies as a browser sends them, name=value; name=value.
func cookieLine(text string, names validator.SessionCookies) (line string, err error) {
	text = strings.TrimSpace(text)
	if cut, isHeader := cutFold(text, "cookie:"); isHeader {
		text = strings.TrimSpace(cut)
	}
	if text == "" {
		return "", errors.New("--cookie: it is empty")
	}
	if !httpguts.ValidHeaderFieldValue(text) {
		return "", errors.New("--cookie: want one line without control characters")
	}
	if isPairs(text, names) {
		if _, err := validator.ScanCookies([]string{text}); err != nil {
			return "", fmt.Errorf("--cookie: %w", err)
		}
		return text, nil
	}
	name, isOne := names.Single()
	if !isOne {
		return "", fmt.Errorf("--cookie: the session has the cookies %s: want <name>=<value>; <name>=<value>, as a browser sends them",
			strings.Join(names.Names(), ", "))
	}
	if strings.ContainsAny(text, "; \t,\"") {
		return "", errors.New("--cookie: a cookie's value has no blank, comma, semicolon or quotation mark")
	}
	return name + "=" + text, nil
}

// cutFold cuts a prefix in any case.
func cutFold(text, prefix string) (string, bool) {
	if len(text) >= len(prefix) && strings.EqualFold(text[:len(prefix)], prefix) {
		return text[len(prefix):], true
	}
	return text, false
}

// isPairs reports whether a text is cookies with their names. A value may have equals signs too, at its end or after an
// ampersand.
func isPairs(text string, names validator.SessionCookies) bool {
	cookies, _ := validator.ScanCookies([]string{text})
	for _, one := range cookies {
		if names.Match(one.Name) {
			return true
		}
	}
	name, value, found := strings.Cut(text, "=")
	return found && httpguts.ValidHeaderFieldName(name) && strings.Trim(value, "=") != "" && !strings.Contains(text, "&")
}
