package ledger

import (
	"strconv"
	"testing"
	"time"

	"github.com/caddy-jwt-session/caddy-jwt-session/blacklist"
)

// The moment of a revocation that another gateway has made is not swept before the revocation is in the list.
func TestMomentsAreNotSweptBeforeTheirRevocationIsInForce(t *testing.T) {
	f := newFixture(t)
	list, moments := f.blacklist.List, f.blacklist.revokedAt
	swept, stop := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(swept)
		for {
			select {
			case <-stop:
				return
			default:
				moments.sweep(list)
			}
		}
	}()
	var all []blacklist.Entry
	for i := range 5000 {
		entry := blacklist.Entry{
			Subject: blacklist.RevokedUser("shop", strconv.Itoa(i)), Second: start.Unix(), Expires: start.Add(time.Hour), At: 1,
		}
		moments.adopt(list, []blacklist.Entry{entry})
		all = append(all, entry)
	}
	close(stop)
	<-swept
	for _, entry := range all {
		if moments.of(entry.Subject) == 0 {
			t.Fatal("a moment is gone while its revocation is in force")
		}
	}
}
