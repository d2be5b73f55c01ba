package validator

import (
	"testing"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/caddy-jwt-session/caddy-jwt-session/sessions"
)

func TestOnlyScopesAreSplit(t *testing.T) {
	for _, test := range []struct {
		claim, value string
		want         sessions.Attribute
	}{
		{"scope", `"read write"`, sessions.List("read", "write")},
		{"scp", `"read write"`, sessions.List("read", "write")},
		{"scope", `"read"`, sessions.List("read")},
		{"scope", `" read  write "`, sessions.List("read", "write")},
		{"scope", `"read\twrite\u00a0x,y"`, sessions.List("read\twrite\u00a0x,y")},
		{"scope", `""`, sessions.List()},
		{"scp", `["read write", "x"]`, sessions.List("read write", "x")},
		{"scp", `null`, sessions.Attribute{}},
		{"scope", `{"read": true}`, sessions.Attribute{}},
		{"Scope", `"read write"`, sessions.Text("read write")},
		{"scopes", `"read write"`, sessions.Text("read write")},
		{"groups", `"my staff"`, sessions.Text("my staff")},
		{"https://id.example/scope", `"my staff"`, sessions.Text("my staff")},
	} {
		claims := foreignClaims{test.claim: jsontext.Value(test.value)}
		if got := claims.attribute(test.claim); !got.Equal(test.want) {
			t.Errorf("%s: %s: got %q, list %v", test.claim, test.value, got.Texts(), got.IsList())
		}
	}
}
