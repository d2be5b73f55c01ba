package jwtsession

import (
	"fmt"

	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"

	"github.com/caddy-jwt-session/caddy-jwt-session/internal/realm"
)

// realmInCaddyfile is a realm and the line that it was read from first.
type realmInCaddyfile struct {
	realm realm.Pattern
	line  string
}

// realmsOfCaddyfile is where the state of the adapter holds the realms that were read so far.
const realmsOfCaddyfile = "jwt_session.realms"

// checkRealmOfCaddyfile reads the realm of a directive, and compares it with those before it in the Caddyfile. The caller
// adds the line of this one.
func checkRealmOfCaddyfile(helper httpcaddyfile.Helper, text string) error {
	parsed, err := realm.Parse(text)
	if err != nil {
		return err
	}
	earlier, _ := helper.State[realmsOfCaddyfile].([]realmInCaddyfile)
	for _, other := range earlier {
		if other.realm.String() == text {
			return nil
		}
		if err := realm.CheckApart(parsed, other.realm, other.line); err != nil {
			return err
		}
	}
	if helper.State != nil {
		line := fmt.Sprintf("%s:%d", helper.File(), helper.Line())
		helper.State[realmsOfCaddyfile] = append(earlier, realmInCaddyfile{parsed, line})
	}
	return nil
}
