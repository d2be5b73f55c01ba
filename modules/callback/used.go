package callback

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"time"

	"github.com/caddy-jwt-session/caddy-jwt-session/internal/remember"
	"github.com/caddy-jwt-session/caddy-jwt-session/storage"
)

// maxUsedStates is how many sign-ins are remembered as over. Only those that were finished count.
const maxUsedStates = 10_000

// usedTime is how long the other gateways remember that a sign-in is over. By then its cookie counts nowhere, however much the
// clocks differ.
const usedTime = SignInTime + time.Minute

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

// use reports whether the state was not used before, and uses it. With notes, it must not have been used on any gateway. After an
// error, that could not be told, and the state does not count.
func (u *usedStates) use(ctx context.Context, notes storage.Notes, state string) (bool, error) {
	hash := sha256.Sum256([]byte(state))
	if _, used := u.seen.Peek(hash); used {
		return false, nil
	}
	if notes != nil {
		first, err := notes.Claim(ctx, noteOf(state), "", usedTime)
		if err != nil || !first {
			return false, err
		}
	}
	seen := u.seen.Lock(hash)
	defer seen.Unlock()
	_, used := seen.Get()
	if !used {
		seen.Put(struct{}{})
	}
	return !used, nil
}

// noteOf returns the name of the note that a sign-in is over.
func noteOf(state string) string {
	hash := sha256.Sum256([]byte("sign-in\x00" + state))
	return "sign-in:" + base64.RawURLEncoding.EncodeToString(hash[:])
}
