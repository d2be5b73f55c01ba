package survey

import (
	"cmp"
	"net/http"
	"slices"
	"strings"

	"golang.org/x/net/http/httpguts"

	"github.com/caddy-jwt-session/caddy-jwt-session/internal/cookie"
	"github.com/caddy-jwt-session/caddy-jwt-session/validator"
)

// sorted returns the survey with its cookies and candidates in order, and without the page that no application has.
func (s Survey) sorted() Survey {
	var pages []Page
	var nothing Page
	for _, page := range s.Pages {
		for _, one := range page.set {
			known := slices.ContainsFunc(s.Cookies, func(other Cookie) bool { return other.Name == one.Name })
			if !known && len(s.Cookies) < maxCookies {
				one.score = cookieScore(one)
				one.LooksLikeSession = one.score > 0 && canBeNamed(one.Name)
				s.Cookies = append(s.Cookies, one)
			}
		}
		if page.Path == missing {
			nothing = page
			continue
		}
		pages = append(pages, page)
	}
	s.Pages = pages
	slices.SortStableFunc(s.Cookies, func(a, b Cookie) int { return b.score - a.score })
	for _, page := range pages {
		if pageScore(page, nothing) > 0 {
			s.Candidates = append(s.Candidates, page)
		}
	}
	slices.SortStableFunc(s.Candidates, func(a, b Page) int { return cmp.Compare(pageScore(b, nothing), pageScore(a, nothing)) })
	return s
}

// best returns the cookie that looks most like that of a session, with the value that it has here.
func (s Survey) best() (*Cookie, cookie.Pair) {
	for i, one := range s.Cookies {
		if !one.LooksLikeSession {
			continue
		}
		for _, page := range s.Pages {
			for _, pair := range page.pairs {
				if pair.Name == one.Name && page.Path == one.Page {
					return &s.Cookies[i], pair
				}
			}
		}
		return &s.Cookies[i], cookie.Pair{}
	}
	return nil, cookie.Pair{}
}

// canBeNamed reports whether the option session_cookie can name the cookie.
func canBeNamed(name string) bool {
	_, err := validator.NewSessionCookies(name)
	return err == nil && httpguts.ValidHeaderFieldName(name) && !strings.ContainsAny(name, "*`")
}

// sessionNames are the usual names of session cookies, in lower case.
var sessionNames = []string{
	"phpsessid", "jsessionid", "sessionid", "connect.sid", "laravel_session", "asp.net_sessionid", ".aspnetcore.cookies",
	".aspnetcore.session", "session", "sid", "session_id", "sessid", "koa.sess", "_session_id", "cgisessid", "app_session",
}

// otherNames are parts of names that cookies have which are no session.
var otherNames = []string{"csrf", "xsrf", "antiforgery", "_ga", "lang", "locale", "theme", "consent", "awsalb", "serverid", "remember", "flash", "test"}

// cookieScore is how much a cookie looks like that of a session.
func cookieScore(of Cookie) int {
	name, score := strings.ToLower(of.Name), 0
	switch {
	case slices.Contains(sessionNames, name):
		score = 6
	case strings.Contains(name, "sess"):
		score = 5
	case strings.Contains(name, "sid"), strings.Contains(name, "auth"):
		score = 3
	}
	if of.HTTPOnly {
		score += 2
	}
	if of.Length >= 16 {
		score++
	} else {
		score--
	}
	if slices.ContainsFunc(otherNames, func(part string) bool { return strings.Contains(name, part) }) {
		score -= 8
	}
	return score
}

// userWords are parts of paths that may lead to a user.
var userWords = []string{"user", "login", "email", "account", "sub", "uid", "name"}

// pageScore is how much a page looks like one that says who is signed in. Nothing is what a page answers that is not there.
func pageScore(page, nothing Page) int {
	if !isAsked(page.Path) {
		return 0
	}
	same := page.Status == nothing.Status && page.Type == nothing.Type && page.LeadsTo == nothing.LeadsTo &&
		slices.Equal(page.Paths, nothing.Paths)
	switch {
	case same, page.Status == http.StatusNotFound:
		return 0
	case page.Status == http.StatusOK && page.IsJSON && hasUserWord(page.Paths):
		return 10
	case page.Status == http.StatusOK && page.IsJSON:
		return 8
	case page.Status == http.StatusUnauthorized, page.Status == http.StatusForbidden:
		if page.IsJSON {
			return 6
		}
		return 5
	case page.LeadsTo != "" && page.LeadsTo != page.Path+"/":
		return 2
	case page.Status == http.StatusOK && page.Type == "text/html" && page.Path != "/":
		return 1
	default:
		return 0
	}
}

// isAsked reports whether a page may say who is signed in: it is none that signs in, and not the first one.
func isAsked(path string) bool {
	return path != "/" && path != "/index.php" && !strings.Contains(path, "login") && !strings.Contains(path, "sign")
}

func hasUserWord(paths []string) bool {
	return slices.ContainsFunc(paths, func(path string) bool {
		return slices.ContainsFunc(userWords, func(word string) bool { return strings.Contains(strings.ToLower(path), word) })
	})
}
