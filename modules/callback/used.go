package callback

import (
	"crypto/sha256"

	"github.com/caddy-jwt-session/caddy-jwt-session/internal/remember"
)

// maxUsedStates is how many sign-ins are remembered as over. Only those that were finished count.
const maxUsedStates = 10_000

// usedStates remembers which sign-ins are over: each counts once, also for a client that keeps its cookie. Safe for
// concurrent use.
type usedStates struct {
	seen *remember.Memory[[sha256.Size]byte, struct{}]
}

// finishedSignIns are those of all callbacks and configurations of the process: a reload must not let one count again.
var finishedSignIns = newUsedStates()

func newUsedStates() *usedStates {
	return &usedStates{remember.New[[sha256.Size]byte, struct{}](maxUsedStates)}
}

// use reports whether the state was not used before, and uses it.
func (u *usedStates) use(state string) bool {
	seen := u.seen.Lock(sha256.Sum256([]byte(state)))
	defer seen.Unlock()
	_, used := seen.Get()
	if !used {
		seen.Put(struct{}{})
	}
	return !used
}
