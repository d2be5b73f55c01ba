package jwtsession

import "net/http"

// isPreflight says whether the request is a CORS preflight (Fetch section 3.2.2): a browser asking, without credentials,
// whether it may send the request that it has in mind.
func isPreflight(r *http.Request) bool {
	return r.Method == http.MethodOptions && r.Header.Get("Origin") != "" && r.Header.Get("Access-Control-Request-Method") != ""
}

// stripCredentials takes from a preflight what it has no business with: it passes without a decision, so it must not
// carry anything that the application could decide by.
func stripCredentials(r *http.Request) {
	for _, name := range []string{"Cookie", "Authorization", "Content-Length", "Content-Type", "Transfer-Encoding"} {
		delete(r.Header, name)
	}
	r.Body, r.ContentLength, r.TransferEncoding, r.Trailer = http.NoBody, 0, nil, nil
}
