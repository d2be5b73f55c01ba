package ledger

import (
	"context"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/caddy-jwt-session/caddy-jwt-session/blacklist"
)

// A sweep of very many moments lets others in, who mark some meanwhile. It drops those that are over, and no others.
func TestMomentsAreSweptWhileOthersAreMarked(t *testing.T) {
	f := newFixture(t)
	list, moments := f.blacklist.List, f.blacklist.revokedAt
	const many = 4 * sweptAtOnce
	for i := range many {
		moments.mark(blacklist.RevokedUser("shop", "gone "+strconv.Itoa(i)), 0)
	}
	revoke := func(i int) blacklist.Subject {
		subject := blacklist.RevokedUser("shop", strconv.Itoa(i))
		entry := blacklist.Entry{Subject: subject, Second: start.Unix(), Expires: start.Add(time.Hour)}
		if _, err := list.Revoke(context.Background(), entry); err != nil {
			t.Error(err)
		}
		moments.mark(subject, 0)
		return subject
	}
	first := revoke(0)
	before := moments.of(first)
	var others sync.WaitGroup
	others.Go(func() {
		for i := range many {
			revoke(1 + i)
		}
	})
	moments.sweep(list)
	others.Wait()
	if moments.of(first) != before || len(moments.at) != 1+many {
		t.Errorf("moment %d, want %d; %d moments, want %d", moments.of(first), before, len(moments.at), 1+many)
	}
	f.advance(time.Hour)
	moments.sweep(list)
	if len(moments.at) != 0 {
		t.Errorf("%d moments are left", len(moments.at))
	}
}

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
