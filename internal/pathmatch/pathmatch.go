// Package pathmatch asks Caddy's matchers about every path that a server could take a request's path for, so that no
// spelling of a path slips past a rule.
//
// A rule that closes something counts if any reading of the path matches. A rule that opens something counts only if all
// do. Which readings there are is package urlpath's knowledge; this package may import it and Caddy.
package pathmatch

import (
	"context"
	"net/http"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/caddy-jwt-session/caddy-jwt-session/internal/urlpath"
)

// Sets are Caddy's matcher sets, of which one must match. The zero value matches every request, as Caddy's does.
type Sets struct {
	sets      caddyhttp.MatcherSets
	parts     [][]part // of each set; nil where no matcher can depend on the path
	isolated  bool     // a matcher may set placeholders
	hasNegate bool
}

// part is one matcher of a set.
type part struct {
	set  caddyhttp.MatcherSet
	kind kind
}

// kind says how a matcher depends on the path.
type kind int

const (
	opaque   kind = iota // it may say no because of a path, so that a final slash is not toggled
	fixed                // not at all
	positive             // it says yes to paths
	negative             // it says no to paths
)

// New prepares what caddy.Context.LoadModule returned for a field of type caddyhttp.RawMatcherSets.
func New(loaded any) (Sets, error) {
	var made Sets
	if err := made.sets.FromInterface(loaded); err != nil {
		return Sets{}, err
	}
	reads := false
	for _, set := range made.sets {
		parts := make([]part, len(set))
		for i, matcher := range set {
			parts[i] = part{set: caddyhttp.MatcherSet{matcher}, kind: kindOf(matcher)}
			reads = reads || parts[i].kind != fixed
			made.hasNegate = made.hasNegate || parts[i].kind == negative
			made.isolated = made.isolated || parts[i].kind != fixed && !isPathList(matcher)
		}
		made.parts = append(made.parts, parts)
	}
	if !reads {
		made.parts = nil
	}
	return made, nil
}

// isPathList reports whether the matcher is the usual list of paths, which sets no placeholders.
func isPathList(matcher any) bool {
	switch matcher.(type) {
	case caddyhttp.MatchPath, *caddyhttp.MatchPath:
		return true
	}
	return false
}

func kindOf(matcher any) kind {
	if isPathList(matcher) {
		return positive
	}
	switch matcher := matcher.(type) {
	case caddyhttp.MatchMethod, *caddyhttp.MatchMethod, caddyhttp.MatchHost, *caddyhttp.MatchHost,
		caddyhttp.MatchHeader, *caddyhttp.MatchHeader, caddyhttp.MatchHeaderRE, *caddyhttp.MatchHeaderRE,
		caddyhttp.MatchQuery, *caddyhttp.MatchQuery, caddyhttp.MatchTLS, *caddyhttp.MatchTLS,
		caddyhttp.MatchProtocol, *caddyhttp.MatchProtocol, caddyhttp.MatchRemoteIP, *caddyhttp.MatchRemoteIP,
		caddyhttp.MatchClientIP, *caddyhttp.MatchClientIP:
		return fixed
	case caddyhttp.MatchPathRE, *caddyhttp.MatchPathRE, caddyhttp.MatchVarsRE, *caddyhttp.MatchVarsRE,
		caddyhttp.VarsMatcher, *caddyhttp.VarsMatcher, *caddyhttp.MatchURLPattern:
		return positive
	case caddyhttp.MatchNot, *caddyhttp.MatchNot:
		return negative
	case *caddyhttp.MatchExpression:
		if !strings.ContainsAny(matcher.Expr, "!?") && !strings.Contains(matcher.Expr, "false") {
			return positive
		}
	}
	return opaque
}

// IsEmpty reports whether there is no matcher set.
func (s Sets) IsEmpty() bool { return len(s.sets) == 0 }

// Any reports whether any reading of the path matches, with a final slash or without. What matches nothing as it came sets
// no placeholders.
func (s Sets) Any(r *http.Request) (bool, error) {
	if matched, err := s.sets.AnyMatchWithError(r); err != nil || matched || s.parts == nil {
		return matched, err
	}
	readings, known := urlpath.Readings(r.URL)
	if !known {
		return true, nil
	}
	r = s.isolate(r)
	if matched, err := s.matches(r, r.URL.Path, part.loosely); err != nil || matched {
		return matched, err
	}
	for _, reading := range readings {
		if matched, err := s.matches(r, reading, part.loosely); err != nil || matched {
			return matched, err
		}
	}
	return false, nil
}

// All reports whether every reading of the path matches. A final slash stays as it came: where a rule opens /login, that
// says nothing of /login/. But what a rule excludes, it excludes both with and without the slash.
func (s Sets) All(r *http.Request) (bool, error) {
	if matched, err := s.sets.AnyMatchWithError(r); err != nil || !matched || s.parts == nil {
		return matched, err
	}
	readings, known := urlpath.Readings(r.URL)
	if !known {
		return false, nil
	}
	if !s.hasNegate && len(readings) == 0 {
		return true, nil
	}
	r = s.isolate(r)
	if matched, err := s.matches(r, r.URL.Path, part.strictly); err != nil || !matched {
		return false, err
	}
	for _, reading := range readings {
		if matched, err := s.matches(r, reading, part.strictly); err != nil || !matched {
			return false, err
		}
	}
	return true, nil
}

// isolate returns the request with placeholders of its own, where matchers may set some: those of the request are for what
// matches as it came.
func (s Sets) isolate(r *http.Request) *http.Request {
	original, ok := r.Context().Value(caddy.ReplacerCtxKey).(*caddy.Replacer)
	if !s.isolated || !ok {
		return r
	}
	scratch := caddy.NewEmptyReplacer()
	scratch.Map(original.Get)
	return r.WithContext(context.WithValue(r.Context(), caddy.ReplacerCtxKey, scratch))
}

// matches reports whether one of the sets matches the path.
func (s Sets) matches(r *http.Request, path string, try func(part, *http.Request, string) (bool, error)) (bool, error) {
	for _, parts := range s.parts {
		matched := true
		for _, one := range parts {
			var err error
			if matched, err = try(one, r, path); err != nil {
				return false, err
			}
			if !matched {
				break
			}
		}
		if matched {
			return true, nil
		}
	}
	return false, nil
}

// loosely reports whether the path matches, or one that says yes to paths matches it with its final slash toggled.
func (p part) loosely(r *http.Request, path string) (bool, error) {
	matched, err := p.at(r, path)
	if err != nil || matched || p.kind != positive {
		return matched, err
	}
	toggled, ok := urlpath.Toggled(path)
	if !ok {
		return false, nil
	}
	return p.at(r, toggled)
}

// strictly reports whether the path matches, and one that says no to paths matches it with its final slash toggled as well.
func (p part) strictly(r *http.Request, path string) (bool, error) {
	matched, err := p.at(r, path)
	if err != nil || !matched || p.kind != negative {
		return matched, err
	}
	toggled, ok := urlpath.Toggled(path)
	if !ok {
		return true, nil
	}
	return p.at(r, toggled)
}

// at asks the matcher as if the request had come with the path. Matchers see the path by the URL or by placeholders, which
// read the same URL; so the URL is changed for as long as they look.
func (p part) at(r *http.Request, path string) (bool, error) {
	if p.kind == fixed {
		return p.set.MatchWithError(r)
	}
	was, raw := r.URL.Path, r.URL.RawPath
	r.URL.Path, r.URL.RawPath = path, ""
	defer func() { r.URL.Path, r.URL.RawPath = was, raw }()
	return p.set.MatchWithError(r)
}
