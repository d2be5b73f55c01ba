package issuer

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

const redeemedSecret = "secret&of=the client"

// tokenEndpoint is a provider on loopback whose token endpoint gives one answer.
type tokenEndpoint struct {
	*Provider
	requests []*http.Request // with their forms read
}

func newTokenEndpoint(t *testing.T, answer http.HandlerFunc) *tokenEndpoint {
	t.Helper()
	endpoint := new(tokenEndpoint)
	mux := http.NewServeMux()
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	mux.HandleFunc("GET "+discoveryPath, func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, `{"issuer":%q,"jwks_uri":%q,"token_endpoint":%q}`, server.URL, server.URL+"/keys", server.URL+"/token")
	})
	mux.HandleFunc("GET /keys", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, firstKeys) })
	mux.HandleFunc("/token", func(w http.ResponseWriter, r *http.Request) {
		if err := r.ParseForm(); err != nil {
			t.Errorf("the form of the redemption: %v", err)
		}
		endpoint.requests = append(endpoint.requests, r)
		answer(w, r)
	})
	endpoint.Provider = Open(Options{Issuer: server.URL})
	t.Cleanup(func() { _ = endpoint.Close() })
	if _, err := endpoint.Refresh(t.Context()); err != nil { // waits for the metadata
		t.Fatal(err)
	}
	return endpoint
}

func (e *tokenEndpoint) redeem(t *testing.T) (Tokens, error) {
	return e.Redeem(t.Context(), Redemption{
		Client: Client{ID: "client:1", Secret: redeemedSecret}, Code: "the-code", CodeVerifier: "the-verifier",
		RedirectURI: "https://shop.example/callback",
	})
}

// answering answers every redemption with a status and a text.
func answering(status int, contentType, text string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", contentType)
		w.WriteHeader(status)
		fmt.Fprint(w, text)
	}
}

// A redemption shows the secret in the header alone, form-encoded (RFC 6749 section 2.3.1), and asks for JSON.
func TestRedeem(t *testing.T) {
	endpoint := newTokenEndpoint(t, answering(200, "application/json", `{"id_token":"i","access_token":"a","token_type":"bearer"}`))
	tokens, err := endpoint.redeem(t)
	if err != nil || tokens != (Tokens{ID: "i", Access: "a", Type: "bearer"}) {
		t.Fatalf("got %+v, %v", tokens, err)
	}
	if len(endpoint.requests) != 1 {
		t.Fatalf("the code was brought %d times", len(endpoint.requests))
	}
	request := endpoint.requests[0]
	if id, secret, ok := request.BasicAuth(); !ok || id != "client%3A1" || secret != "secret%26of%3Dthe+client" {
		t.Errorf("the client shows %q and %q", id, secret)
	}
	if got := request.PostForm.Encode(); request.Method != http.MethodPost || got != "code=the-code&code_verifier=the-verifier&"+
		"grant_type=authorization_code&redirect_uri=https%3A%2F%2Fshop.example%2Fcallback" {
		t.Errorf("%s %s", request.Method, got)
	}
	if got := request.Header.Get("Accept"); got != "application/json" {
		t.Errorf("Accept: %s", got)
	}
}

// OpenID Connect has an access token beside the ID token; whoever signs in needs the ID token alone.
func TestRedeemWithoutAccessToken(t *testing.T) {
	tokens, err := newTokenEndpoint(t, answering(200, "application/json", `{"id_token":"i"}`)).redeem(t)
	if err != nil || tokens != (Tokens{ID: "i"}) {
		t.Errorf("got %+v, %v", tokens, err)
	}
}

// An answer that two readers could read in two ways gives no tokens, and no error repeats what was sent or received.
func TestRedeemRefusals(t *testing.T) {
	const ok, text = 200, "application/json"
	for name, c := range map[string]struct {
		answer http.HandlerFunc
		kind   error
		want   string
	}{
		"no JSON":             {answering(ok, text, "private-answer"), ErrRefused, "its answer holds no ID token"},
		"no ID token":         {answering(ok, text, `{"access_token":"private-answer","token_type":"Bearer"}`), ErrRefused, "its answer holds no ID token"},
		"an ID token twice":   {answering(ok, text, `{"id_token":"i","id_token":"private-answer"}`), ErrRefused, "its answer holds no ID token"},
		"another spelling":    {answering(ok, text, `{"ID_TOKEN":"private-answer"}`), ErrRefused, "its answer holds no ID token"},
		"two objects":         {answering(ok, text, `{"id_token":"private-answer"}{}`), ErrRefused, "its answer holds no ID token"},
		"a form":              {answering(ok, "application/x-www-form-urlencoded", "id_token=private-answer&access_token=a&token_type=Bearer"), ErrRefused, "its answer holds no ID token"},
		"no type":             {answering(ok, text, `{"id_token":"i","access_token":"private-answer"}`), ErrRefused, "its access token is not of the type Bearer"},
		"another type":        {answering(ok, text, `{"id_token":"i","access_token":"private-answer","token_type":"DPoP"}`), ErrRefused, "its access token is not of the type Bearer"},
		"another status":      {answering(201, text, `{"id_token":"private-answer"}`), ErrRefused, "status 201"},
		"too much":            {answering(ok, text, `{"id_token":"private-answer"}`+strings.Repeat(" ", maxDocument)), ErrUnavailable, "its answer can't be read"},
		"a used code":         {answering(400, text, `{"error":"invalid_grant","error_description":"private-answer"}`), ErrRefused, "invalid_grant"},
		"an error of its own": {answering(400, text, `{"error":"private-answer"}`), ErrRefused, "status 400"},
		"a wrong secret":      {answering(401, text, `{"error":"invalid_client"}`), ErrRefused, "invalid_client"},
		"down":                {answering(502, "text/html", "private-answer"), ErrUnavailable, "its token endpoint answers with status 502"},
		"too many":            {answering(429, text, "private-answer"), ErrUnavailable, "its token endpoint answers with status 429"},
		"a cut answer": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "100")
			fmt.Fprint(w, "private-answer")
		}, ErrUnavailable, "its answer can't be read"},
		"to another address": {func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "/private-answer", http.StatusTemporaryRedirect)
		}, ErrRefused, "status 307"},
	} {
		t.Run(name, func(t *testing.T) {
			endpoint := newTokenEndpoint(t, c.answer)
			tokens, err := endpoint.redeem(t)
			if tokens != (Tokens{}) || !errors.Is(err, c.kind) || !strings.HasSuffix(err.Error(), ": "+c.want) {
				t.Errorf("got %+v, %v; want %v: %s", tokens, err, c.kind, c.want)
			}
			for _, private := range []string{"private-answer", "the-code", "the-verifier", redeemedSecret, "secret%26"} {
				if err != nil && strings.Contains(err.Error(), private) {
					t.Errorf("the error repeats %q: %v", private, err)
				}
			}
			if len(endpoint.requests) != 1 {
				t.Errorf("the code was brought %d times", len(endpoint.requests))
			}
		})
	}
}
