package carrier

import "testing"

// The prefix of a name demands attributes, whatever the configuration says.
func TestInSessionCookieHasTheAttributesOfItsPrefix(t *testing.T) {
	for name, want := range map[string]string{"__Host-id": "; Path=/; HttpOnly; Secure; SameSite=Lax", "__Secure-id": "; Path=/; HttpOnly; Secure; SameSite=Lax", "id": "; Path=/; HttpOnly; SameSite=Lax"} {
		cookie := new(TokenInSessionCookie)
		cookie.SetDefaults()
		if got := cookie.with(name, "a b", "x", false); got != name+"=sid=a b&jwt=x"+want {
			t.Errorf("got %q", got)
		}
	}
}
