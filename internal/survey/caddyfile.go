package survey

import (
	"fmt"
	"net/http"
	"strings"

	"github.com/caddy-jwt-session/caddy-jwt-session/internal/probe"
)

// shortest is how many characters a session id has at least, unless the option min_length says otherwise.
const shortest = 16

// IsComplete reports whether a session cookie and a page with JSON were found, so that nothing of the Caddyfile is a guess at a name.
func (s Survey) IsComplete() bool {
	best, _ := s.best()
	return best != nil && len(s.Candidates) > 0 && s.Candidates[0].Status == http.StatusOK && s.Candidates[0].IsJSON
}

// Caddyfile returns a Caddyfile to start from.
func (s Survey) Caddyfile() string {
	var text strings.Builder
	port := "8080"
	if s.target.Port() == port {
		port = "8090"
	}
	fmt.Fprintf(&text, "http://localhost:%s {\n\tjwt_session app {\n", port)
	s.writeCookie(&text)
	s.writeWhoami(&text)
	text.WriteString("\n\t\t# The application guards its pages by itself. Without this line, requests without a signed-in user get a 401.\n")
	text.WriteString("\t\tunauthenticated pass\n\t}\n\n")
	text.WriteString("\t# This shows in each response what spoke for the user: session, token or none.\n\theader >X-Gateway-Via {http.jwt_session.via}\n\n")
	upstream := s.target.Host
	if s.target.Scheme == "https" {
		upstream = s.target.String()
	}
	fmt.Fprintf(&text, "\treverse_proxy %s\n}\n", upstream)
	return text.String()
}

func (s Survey) writeCookie(text *strings.Builder) {
	best, _ := s.best()
	if best == nil {
		text.WriteString("\t\t# No page set a cookie that looks like a session's. Sign in with a browser, and name the one that you see there.\n")
		text.WriteString("\t\tsession_cookie session\n\n")
		return
	}
	if best.Length < shortest {
		text.WriteString("\t\t# Its value is short: see that nobody can guess it.\n")
		fmt.Fprintf(text, "\t\tsession_cookie %s {\n\t\t\tmin_length %d\n\t\t}\n\n", probe.Quote(best.Name), best.Length)
		return
	}
	fmt.Fprintf(text, "\t\tsession_cookie %s\n\n", probe.Quote(best.Name))
}

func (s Survey) writeWhoami(text *strings.Builder) {
	uri, rule := "/whoami", "json user"
	switch {
	case len(s.Candidates) == 0:
		text.WriteString("\t\t# No page was found that says who is signed in. Name one of the application, or write one.\n")
	case !s.Candidates[0].IsJSON || s.Candidates[0].Status != http.StatusOK:
		uri, rule = s.Candidates[0].Path, "json user.id"
		text.WriteString("\t\t# This page is only for users who are signed in. Let probe show what it answers to one of them, and where the user is.\n")
	default:
		uri, rule = s.Candidates[0].Path, "json "+bestPath(s.Candidates[0].Paths)
		text.WriteString("\t\t# Let probe show whether the user is there in the answer to a user who is signed in.\n")
	}
	if s.Changes {
		text.WriteString("\t\t# The application changes the cookie with every answer.\n")
		fmt.Fprintf(text, "\t\twhoami %s %s {\n\t\t\trolling\n\t\t}\n", uri, rule)
		return
	}
	fmt.Fprintf(text, "\t\twhoami %s %s\n", uri, rule)
}

// bestPath returns the path that most likely holds the user id, or user if none can be written.
func bestPath(paths []string) string {
	for _, path := range paths {
		if strings.ToLower(path) == "user" {
			return path
		}
	}
	if path := probe.LikelyPath(paths); path != probe.NoPath {
		return path
	}
	return "user"
}
