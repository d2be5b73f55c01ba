package ledger

import (
	"context"

	"github.com/caddy-jwt-session/caddy-jwt-session/blacklist"
)

// flush ends all that is known in a scope. It locks all stripes, so that no question is asked before the flush and answered
// after it.
func flush(ctx context.Context, b *book, subject blacklist.Subject, dropped scope) error {
	defer b.stripes.lockAll()()
	now := b.now()
	second := dropped.latest(&b.blacklist, now)
	for _, end := range dropped.ends(&b.blacklist, second) {
		second = max(second, end.Second+1)
	}
	entry := blacklist.Entry{Subject: subject, Second: second, Expires: b.blacklist.expiryOf(second, now)}
	if _, err := b.blacklist.Revoke(ctx, entry); err != nil {
		return err
	}
	for i := range b.stripes {
		b.stripes[i].overtakeAll(dropped)
	}
	b.signedOut.forgetAll()
	return nil
}
