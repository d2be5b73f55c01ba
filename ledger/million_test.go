package ledger

import (
	"context"
	"strconv"
	"testing"
	"time"

	"github.com/caddy-jwt-session/caddy-jwt-session/blacklist"
	"github.com/caddy-jwt-session/caddy-jwt-session/sessions"
)

// millionEnds is a storage in which a million sessions have ended a minute ago.
type millionEnds struct{ *memory }

func (m millionEnds) Journal() blacklist.Journal { return m }

func (millionEnds) Load(_ context.Context, now time.Time, yield func(blacklist.Entry) error) error {
	for i := range 1_000_000 {
		subject := blacklist.EndOf("shop", sessions.HashOf(strconv.Itoa(i)))
		if err := yield(blacklist.Entry{Subject: subject, Second: now.Unix() - 60, Expires: now.Add(time.Hour)}); err != nil {
			return err
		}
	}
	return nil
}

func (millionEnds) Append(context.Context, ...blacklist.Entry) error   { return nil }
func (millionEnds) Remove(context.Context, ...blacklist.Subject) error { return nil }

// BenchmarkAmongMillionEnds revokes a user, and flushes a realm, while a million sessions have ended.
func BenchmarkAmongMillionEnds(b *testing.B) {
	for name, step := range map[string]func(*Ledger) error{
		"RevokeUser": func(l *Ledger) error { return l.RevokeUser(b.Context(), "shop", "ann") },
		"Flush":      func(l *Ledger) error { return l.Flush(b.Context(), "shop") },
	} {
		b.Run(name, func(b *testing.B) {
			l, err := Open(b.Context(), millionEnds{newMemory()}, Options{})
			if err != nil {
				b.Fatal(err)
			}
			defer func() { _ = l.Close() }()
			b.ReportAllocs()
			for b.Loop() {
				if err := step(l); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
