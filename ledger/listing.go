package ledger

import (
	"encoding/base64"
	"errors"
	"time"

	"github.com/caddy-jwt-session/caddy-jwt-session/blacklist"
)

// ErrCursor is returned by [Ledger.Revocations] for a cursor that it did not return.
var ErrCursor = errors.New("listing revocations: after: want the value of next of the page before")

// Revocation is one revocation or flush that is in force.
type Revocation struct {
	// Kind is what is revoked. It is one of [blacklist.Revocations].
	Kind blacklist.Kind
	// Realm is empty for tokens and for what is about every realm.
	Realm string
	// User is the user id. It is empty unless a user is revoked.
	User string
	// Digest is the SHA-256 of the session id or of the token's jti. It is zero for all other kinds.
	Digest [32]byte
	// Second is the last auth_time that is hit, in seconds since 1970. For a session it is the time of the revocation, and
	// for a token it is 0.
	Second int64
	// Expires is when the revocation is over, unless it refuses somebody and is prolonged.
	Expires time.Time
}

// pageOf returns a page of the list. It is [Ledger.Revocations].
func pageOf(list *blacklist.List, limit int, after string) (page []Revocation, next string, err error) {
	var from blacklist.Subject
	if after != "" {
		data, err := base64.RawURLEncoding.DecodeString(after)
		if err == nil {
			from, err = blacklist.ParseSubject(data)
		}
		if err != nil {
			return nil, "", ErrCursor
		}
	}
	entries, more := list.Page(max(limit, 1), from, blacklist.Revocations()...)
	page = make([]Revocation, len(entries))
	for i, entry := range entries {
		page[i] = revocationOf(entry)
	}
	if more {
		next = base64.RawURLEncoding.EncodeToString(entries[len(entries)-1].Subject.Bytes())
	}
	return page, next, nil
}

func revocationOf(entry blacklist.Entry) Revocation {
	subject := entry.Subject
	revocation := Revocation{
		Kind: subject.Kind(), Realm: subject.Realm(), User: subject.User(), Second: entry.Second, Expires: entry.Expires,
	}
	if subject.User() == "" {
		revocation.Digest = subject.Digest()
	}
	return revocation
}
