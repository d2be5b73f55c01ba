package option

import (
	"fmt"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2"

	"github.com/caddy-jwt-session/caddy-jwt-session/internal/spelling"
)

// Scope is a block of options. The scopes of all directives are known to one another, so that an error can say where an
// option belongs that stands in the wrong one.
type Scope struct {
	// Name is the directive or the option that the block belongs to.
	Name string
	// Options names the options of the block, as errors list them.
	Options string
	// Around is the name of the scope that the block stands in. It is empty if that is none of ours.
	Around string
	// Global reports whether the block is a global option's, or stands in one.
	Global bool
}

// scopes are those of the whole program. They do not change once it runs.
var scopes []Scope

// Declare makes a scope known to the others. It is for package variables.
func Declare(scope Scope) Scope {
	scopes = append(scopes, scope)
	return scope
}

// Scopes returns all scopes that are declared, in the order of their names.
func Scopes() []Scope {
	return slices.SortedFunc(slices.Values(scopes), func(a, b Scope) int { return strings.Compare(a.title(), b.title()) })
}

func (s Scope) names() []string { return strings.Split(s.Options, ", ") }

func (s Scope) has(option string) bool { return slices.Contains(s.names(), option) }

// title is what hints call the scope.
func (s Scope) title() string {
	if s.Global && s.Around == "" {
		return "the global option " + s.Name + " { }"
	}
	return s.Name + " { }"
}

// isAround reports whether the other scope stands in this one.
func (s Scope) isAround(other Scope) bool { return s.Global == other.Global && s.Name == other.Around }

// hint returns what somebody most likely meant who wrote a word into a scope that has no such option. It begins with a
// semicolon, and is empty if nothing is likely.
func (s Scope) hint(word string, all []Scope) string {
	inside := func(other Scope) bool { return s.isAround(other) }
	around := func(other Scope) bool { return other.isAround(s) }
	beside := func(other Scope) bool {
		return s.Around != "" && other.Global == s.Global && other.Around == s.Around && other.Name != s.Name
	}
	elsewhere := func(other Scope) bool { return other.title() != s.title() }
	if titles := having(word, all, inside); titles != "" {
		return fmt.Sprintf("; %s belongs inside %s", word, titles)
	}
	if titles := having(word, all, around); titles != "" {
		return fmt.Sprintf("; %s belongs inside %s: is a } missing before it?", word, titles)
	}
	if titles := having(word, all, beside); titles != "" {
		return fmt.Sprintf("; %s belongs inside %s", word, titles)
	}
	if isDirective(word) {
		return fmt.Sprintf("; %s is a directive: is a } missing before it?", word)
	}
	if meant := DidYouMean(word, s.names()...); meant != "" {
		return meant
	}
	if titles := having(word, all, elsewhere); titles != "" {
		return fmt.Sprintf("; %s belongs inside %s", word, titles)
	}
	for _, other := range all {
		if meant := spelling.Nearest(word, other.names()); meant != "" && inside(other) {
			return fmt.Sprintf("; did you mean %s? It belongs inside %s", meant, other.title())
		}
	}
	if begins(word) {
		return "; is a } missing before it?"
	}
	return ""
}

// having returns the titles of those scopes that have the option.
func having(option string, all []Scope, counts func(Scope) bool) string {
	var titles []string
	for _, scope := range all {
		if counts(scope) && scope.has(option) {
			titles = append(titles, scope.title())
		}
	}
	slices.Sort(titles)
	return strings.Join(slices.Compact(titles), " or ")
}

// caddyDirectives are the directives of Caddy's standard distribution whose handlers have other names.
var caddyDirectives = strings.Fields("abort acme_server basicauth bind copy_response copy_response_headers error file_server " +
	"forward_auth fs handle handle_path header import log log_append log_level log_name log_skip method php_fastcgi redir " +
	"request_body request_header respond root route skip_log tls tracing try_files uri")

// isDirective reports whether a directive has the name.
func isDirective(name string) bool {
	if slices.Contains(caddyDirectives, name) {
		return true
	}
	_, err := caddy.GetModule("http.handlers." + name)
	return err == nil
}

// begins reports whether the word begins something else than an option: a named matcher, a snippet, or a site.
func begins(word string) bool {
	return strings.HasPrefix(word, "@") || strings.HasPrefix(word, "(") || strings.ContainsAny(word, ".:")
}
