package diagnosis

import (
	"net/http"
	"slices"
	"strings"
)

// enoughRefused is how many refused pages are a mistake where none at all is open.
const enoughRefused = 3

// signInWords are what paths of sign-in pages hold as a whole part.
var signInWords = []string{
	"login", "log-in", "log_in", "signin", "sign-in", "sign_in", "logon", "wp-login", "anmelden", "anmeldung", "connexion",
	"new_session",
}

// IsNavigation reports whether the request is one by which a browser shows a page.
func IsNavigation(r *http.Request) bool {
	if r.Method != http.MethodGet {
		return false
	}
	if mode := r.Header["Sec-Fetch-Mode"]; len(mode) > 0 {
		return mode[0] == "navigate"
	}
	return slices.ContainsFunc(r.Header["Accept"], func(line string) bool { return strings.Contains(line, "text/html") })
}

// IsSignIn reports whether the path is most likely that of a sign-in page.
func IsSignIn(path string) bool {
	for part := range strings.SplitSeq(strings.ToLower(path), "/") {
		name, _, _ := strings.Cut(part, ".")
		if slices.Contains(signInWords, name) {
			return true
		}
	}
	return false
}

// refused counts the pages that were refused.
type refused struct {
	count int
	said  bool
}

func (n *refused) note(path string, closed bool) bool {
	if n.said {
		return false
	}
	if closed {
		n.count++
	}
	n.said = IsSignIn(path) || n.count >= enoughRefused
	return n.said
}
