package blacklist_test

import (
	"testing"

	"github.com/caddy-jwt-session/caddy-jwt-session/blacklist"
	"github.com/caddy-jwt-session/caddy-jwt-session/blacklist/blacklisttest"
)

func TestJournalInMemory(t *testing.T) {
	blacklisttest.Run(t, func(*testing.T) blacklist.Journal { return blacklisttest.NewJournal() })
}
