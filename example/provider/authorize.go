package provider

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"errors"
	"html/template"
	"net/http"
	"net/url"
	"strings"
)

//go:embed templates
var templates embed.FS

var pages = template.Must(template.ParseFS(templates, "templates/*.html"))

// signInPage is what the sign-in page shows. Its form sends the request along, which is checked again.
type signInPage struct {
	Client  string
	Request string // the query as it came
	Wrong   bool
	Users   []User
}

func (p *Provider) showSignIn(w http.ResponseWriter, r *http.Request) {
	request, err := readAuthorization(p.clients, r.URL.Query())
	if err != nil {
		p.refuse(w, r, request, err)
		return
	}
	show(w, http.StatusOK, "signin.html", signInPage{Client: request.client.ID, Request: r.URL.RawQuery, Users: Users()})
}

// signIn checks the password and sends the user back with what the client asked for.
func (p *Provider) signIn(w http.ResponseWriter, r *http.Request) {
	query, err := url.ParseQuery(r.PostFormValue("request"))
	if err != nil {
		p.refuse(w, r, authorization{}, errUntrusted)
		return
	}
	request, err := readAuthorization(p.clients, query)
	if err != nil {
		p.refuse(w, r, request, err)
		return
	}
	user, known := authenticate(r.PostFormValue("user"), r.PostFormValue("password"))
	if !known {
		show(w, http.StatusForbidden, "signin.html",
			signInPage{Client: request.client.ID, Request: query.Encode(), Users: Users(), Wrong: true})
		return
	}
	if request.flow == flowCode {
		code := p.codes.keep(request, user)
		sendBack(w, r, request, url.Values{"code": {code}, "iss": {p.mint.issuer}})
		return
	}
	p.post(w, request, user)
}

// refuse tells the client what is wrong with its request, or the user if the client can't be known.
func (p *Provider) refuse(w http.ResponseWriter, r *http.Request, request authorization, err error) {
	if bad := (requestError{}); errors.As(err, &bad) {
		sendBack(w, r, request, url.Values{"error": {bad.code}, "error_description": {bad.description}, "iss": {p.mint.issuer}})
		return
	}
	show(w, http.StatusBadRequest, "message.html", err.Error())
}

// sendBack redirects the user to the client. 303 makes the browser forget the form with the password (RFC 9700 section
// 4.12).
func sendBack(w http.ResponseWriter, r *http.Request, request authorization, answer url.Values) {
	if request.state != "" {
		answer.Set("state", request.state)
	}
	separator := "?"
	if strings.Contains(request.client.RedirectURI, "?") {
		separator = "&"
	}
	http.Redirect(w, r, request.client.RedirectURI+separator+answer.Encode(), http.StatusSeeOther)
}

// postPage is a form that sends itself (OAuth 2.0 Form Post Response Mode section 2).
type postPage struct {
	Action string
	Fields map[string]string
	Script template.JS
}

// submitScript sends the form. It is the one script that the pages' policy allows, by its hash.
const submitScript = "document.forms[0].submit()"

var submitHash = sha256.Sum256([]byte(submitScript))

// policy lets the pages' forms lead to any place: a sign-in ends with the way back to the client, which browsers count as
// a target of the form too.
var policy = "default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-" +
	base64.StdEncoding.EncodeToString(submitHash[:]) + "'; base-uri 'none'; frame-ancestors 'none'"

// post sends the user back with an ID token and an access token, by a form.
func (p *Provider) post(w http.ResponseWriter, request authorization, user User) {
	tokens, err := p.mint.issue(request, user)
	if err != nil {
		show(w, http.StatusInternalServerError, "message.html", "The tokens could not be made.")
		return
	}
	show(w, http.StatusOK, "post.html", postPage{
		Action: request.client.RedirectURI,
		Fields: map[string]string{
			"id_token": tokens.ID, "access_token": tokens.Access, "token_type": "Bearer", "state": request.state, "iss": p.mint.issuer,
		},
		Script: submitScript,
	})
}

// show writes a page.
func show(w http.ResponseWriter, status int, page string, data any) {
	var text bytes.Buffer
	if err := pages.ExecuteTemplate(&text, page, data); err != nil {
		http.Error(w, "the page could not be written", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Security-Policy", policy)
	w.WriteHeader(status)
	_, _ = text.WriteTo(w)
}
