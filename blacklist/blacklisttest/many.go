package blacklisttest

import (
	"context"
	"strconv"
	"time"

	"github.com/caddy-jwt-session/caddy-jwt-session/blacklist"
)

// Many is a journal that holds this number of revoked token ids, and forgets what is appended: for benchmarks, which
// need many entries and no room for them twice.
type Many int

var _ blacklist.Journal = Many(0)

// Load implements [blacklist.Journal].
func (m Many) Load(_ context.Context, now time.Time, yield func(blacklist.Entry) error) error {
	for i := range int(m) {
		entry := blacklist.Entry{Subject: blacklist.TokenID("revoked " + strconv.Itoa(i)), Expires: now.Add(24 * time.Hour)}
		if err := yield(entry); err != nil {
			return err
		}
	}
	return nil
}

// Append implements [blacklist.Journal].
func (Many) Append(context.Context, ...blacklist.Entry) error { return nil }

// Remove implements [blacklist.Journal].
func (Many) Remove(context.Context, ...blacklist.Subject) error { return nil }
