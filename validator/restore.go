package validator

import "strings"

// Restore returns the session cookies that a verified token is bound to, in the configured order. It returns false if the
// token does not tell them: the id was too long to be carried, or the name of the one cookie is a pattern.
func (c SessionCookies) Restore(claims *Claims) (Cookies, bool) {
	if claims == nil || claims.bound == nil {
		return nil, false
	}
	id, whole := claims.bound.whole()
	if !whole {
		return nil, false
	}
	cookies := c.split(id)
	for _, cookie := range cookies {
		if strings.ContainsAny(cookie.Value, ";\r\n") {
			return nil, false
		}
	}
	// The cookies must be those that the token is bound to, whoever signed it.
	read := c.Read(cookies)
	return cookies, read.Presence == Present && read.Hash.Equal(claims.session)
}

// split is the reverse of join: it returns the cookies of a session id.
func (c SessionCookies) split(id string) Cookies {
	if name, isOne := c.Single(); isOne {
		return Cookies{{Name: name, Value: id}}
	}
	if !c.joinsLines() {
		return nil // the id is a value alone, and the name of its cookie is not known
	}
	var cookies Cookies
	for line := range strings.SplitSeq(id, "\n") {
		name, value, _ := strings.Cut(line, "=")
		cookies = append(cookies, Cookie{Name: name, Value: value})
	}
	return cookies
}

// AddCookies returns the Cookie lines with the cookies at the end of the last line. It does not change the given lines.
func AddCookies(lines []string, cookies Cookies) []string {
	pairs := make([]string, 0, len(cookies)+1)
	result := append([]string(nil), lines...)
	if last := len(result) - 1; last >= 0 {
		pairs = append(pairs, result[last])
		result = result[:last]
	}
	for _, cookie := range cookies {
		pairs = append(pairs, cookie.Name+"="+cookie.Value)
	}
	return append(result, strings.Join(pairs, "; "))
}
