package main

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"html"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"testing"

	"github.com/caddy-jwt-session/caddy-jwt-session/example/provider"
)

var requestField = regexp.MustCompile(`name="request" value="([^"]*)"`)

// accessToken signs a user in at the identity provider, by the code flow, and returns the access token that the client gets.
func accessToken(t *testing.T, example running, clientID, user string) string {
	t.Helper()
	known := clients(example.visit)
	client := known[slices.IndexFunc(known, func(client provider.Client) bool { return client.ID == clientID })]
	const verifier = "a-code-verifier-of-the-length-that-rfc-7636-wants"
	challenge := sha256.Sum256([]byte(verifier))
	query := url.Values{
		"client_id": {client.ID}, "redirect_uri": {client.RedirectURI}, "response_type": {"code"}, "scope": {"openid buy"},
		"code_challenge": {base64.RawURLEncoding.EncodeToString(challenge[:])}, "code_challenge_method": {"S256"},
	}
	v := newVisitor(t, example.services.provider.Address)
	_, page := v.get(provider.AuthorizePath + "?" + query.Encode())
	field := requestField.FindStringSubmatch(page)
	if field == nil {
		t.Fatalf("the provider's page has no form:\n%s", page)
	}
	form := func(path string, values url.Values) (*http.Response, string) {
		t.Helper()
		return v.do(http.MethodPost, v.base.JoinPath(path), "application/x-www-form-urlencoded", values.Encode())
	}
	response, page := form(provider.AuthorizePath, url.Values{
		"request": {html.UnescapeString(field[1])}, "user": {user}, "password": {user + "-pass-1"},
	})
	back, err := response.Location()
	if err != nil {
		t.Fatalf("the provider sends nobody back: %v\n%s", err, page)
	}
	_, body := form(provider.TokenPath, url.Values{
		"grant_type": {"authorization_code"}, "code": {back.Query().Get("code")}, "redirect_uri": {client.RedirectURI},
		"code_verifier": {verifier}, "client_id": {client.ID}, "client_secret": {client.Secret},
	})
	var answer struct {
		AccessToken string `json:"access_token"`
	}
	if err := json.Unmarshal([]byte(body), &answer); err != nil || answer.AccessToken == "" {
		t.Fatalf("the provider gave no access token: %v", err)
	}
	return answer.AccessToken
}
