// Package alias knows how applications read cookies: what else than the session cookie itself they take for it.
//
// A gateway judges the cookie of exactly the configured name. The application behind reads the same header with a parser of
// its own: PHP reads "." as "_", Python separates cookies at white space, old versions of Tomcat at commas, and several let
// a quoted string run over the next cookie. Whatever such a parser could take for a session cookie, or could hide one
// behind, must not reach the application, since nobody judged it.
//
// [Names.Clean] removes it from the Cookie lines, [Names.CleanPath] from the path, where servlet containers read the
// session id too. Both err on the side of removing. The table in apps/cookies/RESULTS.md says what real parsers make of
// the result.
package alias
