package floor

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"time"

	"github.com/dgraph-io/badger/v4"
	"github.com/dgraph-io/badger/v4/options"

	"github.com/caddy-jwt-session/caddy-jwt-session/bench/application"
)

// sessions are records in Badger, opened as the gateway opens it. A record is when it expires, when it began, and the user.
type sessions struct{ db *badger.DB }

func openSessions(dir string, users int) (sessions, error) {
	db, err := badger.Open(badger.DefaultOptions(dir).WithLogger(nil).WithMemTableSize(8 << 20).WithNumMemtables(2).
		WithNumLevelZeroTables(2).WithNumLevelZeroTablesStall(4).WithNumCompactors(2).WithValueLogFileSize(16 << 20).
		WithBlockCacheSize(0).WithCompression(options.None).WithMetricsEnabled(false).
		WithChecksumVerificationMode(options.OnTableRead).WithDetectConflicts(false))
	if err != nil {
		return sessions{}, err
	}
	batch, now := db.NewWriteBatch(), time.Now().Unix()
	for i := range users {
		key := sha256.Sum256([]byte(application.Session(i)))
		value := binary.BigEndian.AppendUint64(nil, uint64(now+86400))
		value = binary.BigEndian.AppendUint64(value, uint64(now))
		err = errors.Join(err, batch.Set(key[:], append(value, application.User(i)...)))
	}
	return sessions{db}, errors.Join(err, batch.Flush())
}

func (s sessions) close() error {
	if s.db == nil {
		return nil
	}
	return s.db.Close()
}

// find returns the session of an id as claims that no token has made.
func (s sessions) find(key [sha256.Size]byte, now time.Time) (found *claims, err error) {
	txn := s.db.NewTransaction(false)
	defer txn.Discard()
	item, err := txn.Get(key[:])
	if err != nil {
		return nil, err
	}
	err = item.Value(func(value []byte) error {
		if len(value) < 16 || int64(binary.BigEndian.Uint64(value)) <= now.Unix() {
			return badger.ErrKeyNotFound
		}
		found = &claims{Realm: realm, User: string(value[16:]), AuthTime: int64(binary.BigEndian.Uint64(value[8:])), session: key}
		return nil
	})
	return found, err
}
