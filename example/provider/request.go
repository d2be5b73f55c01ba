package provider

import (
	"errors"
	"net/url"
	"slices"
	"strings"
)

// The two ways in which a client can ask (RFC 6749 section 4.1, OpenID Connect Core 1.0 section 3.2).
const (
	flowCode     = "code"
	flowFormPost = "id_token token"
)

// authorization is what a client asks for when it sends a user here.
type authorization struct {
	client    Client
	flow      string
	scope     []string
	state     string
	nonce     string
	challenge string // S256 of the code verifier; empty with flowFormPost
}

// errUntrusted is what the user is told of a request whose sender can't be known: nobody is sent back there.
var errUntrusted = errors.New("the request names no client of this provider, or not the address that is registered for it")

// requestError is an error that the client is told (RFC 6749 section 4.1.2.1).
type requestError struct{ code, description string }

func (e requestError) Error() string { return e.code + ": " + e.description }

// readAuthorization reads and checks the request of one of the clients. With [errUntrusted] nothing of it is to be believed;
// with requestError the client and the state are known. A parameter that occurs twice makes the request bad (RFC 6749 section
// 3.1).
func readAuthorization(from clients, query url.Values) (authorization, error) {
	client, known := from.find(query.Get("client_id"))
	if !known || query.Get("redirect_uri") != client.RedirectURI {
		return authorization{}, errUntrusted
	}
	request := authorization{
		client: client, flow: query.Get("response_type"), scope: strings.Fields(query.Get("scope")),
		state: query.Get("state"), nonce: query.Get("nonce"), challenge: query.Get("code_challenge"),
	}
	for name, values := range query {
		if len(values) > 1 {
			return request, requestError{"invalid_request", "the parameter " + name + " occurs twice"}
		}
	}
	if !slices.Contains(request.scope, "openid") {
		return request, requestError{"invalid_scope", "want the scope openid"}
	}
	mode := query.Get("response_mode")
	switch request.flow {
	case flowCode:
		if request.challenge == "" || query.Get("code_challenge_method") != "S256" {
			return request, requestError{"invalid_request", "want PKCE with the method S256"}
		}
		if mode != "" && mode != "query" {
			return request, requestError{"invalid_request", "want response_mode query with a code"}
		}
	case flowFormPost:
		if mode != "form_post" || request.nonce == "" {
			return request, requestError{"invalid_request", "want response_mode form_post and a nonce with tokens"}
		}
	default:
		return request, requestError{"unsupported_response_type", "want code, or id_token token"}
	}
	return request, nil
}

// granted returns what of the scope that was asked for the user may have.
func (a authorization) granted(user User) []string {
	return slices.DeleteFunc(slices.Clone(a.scope), func(name string) bool {
		return name != "openid" && name != "profile" && !slices.Contains(user.Scope, name)
	})
}
