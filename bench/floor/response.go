package floor

import (
	"net/http"
	"strings"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/caddy-jwt-session/caddy-jwt-session/bench/application"
)

// response looks at the head of the response: whether the application ends the session, and whether a token may go out.
type response struct {
	caddyhttp.ResponseWriterWrapper

	session, token string
	written        bool
}

// WriteHeader settles the response with its head.
func (r *response) WriteHeader(status int) {
	if !r.written && status >= 200 {
		r.written = true
		r.settle(status)
	}
	r.ResponseWriterWrapper.WriteHeader(status)
}

func (r *response) Write(p []byte) (int, error) {
	if !r.written {
		r.WriteHeader(http.StatusOK)
	}
	return r.ResponseWriterWrapper.Write(p)
}

func (r *response) settle(status int) {
	header := r.Header()
	for _, line := range header["Set-Cookie"] {
		if value, ours := strings.CutPrefix(line, application.Cookie+"="); ours && !strings.HasPrefix(value, r.session+";") {
			r.token = "" // the session has ended; there is no such response here
		}
	}
	if r.token == "" || status >= 400 || strings.Contains(header.Get("Cache-Control"), "public") {
		return
	}
	header["Set-Cookie"] = append(header["Set-Cookie"], tokenCookie+"="+r.token+"; Path=/; HttpOnly; SameSite=Lax")
	header.Set("Cache-Control", "private")
	header.Add("Vary", "Cookie")
}
