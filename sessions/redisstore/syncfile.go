package redisstore

import (
	"fmt"
	"os"
	"time"
)

// syncFile holds when the gateway knew every write last, and the newest auth_time of all sessions that it knows of, over
// restarts. It is not synced to disk: a loss makes it older or empty, which is the safe side.
type syncFile struct{ file *os.File }

const syncFormat = "%020d %020d\n"

// openSyncFile opens the file, which it may create.
func openSyncFile(name string) (syncFile, error) {
	file, err := os.OpenFile(name, os.O_CREATE|os.O_RDWR, 0o600)
	return syncFile{file}, err
}

// read returns what the file holds, or zeros if it holds nothing sound. A time that has not come yet is not sound.
func (f syncFile) read(now time.Time) (synced time.Time, latest int64) {
	data := make([]byte, len(fmt.Sprintf(syncFormat, 0, 0)))
	if size, _ := f.file.ReadAt(data, 0); size < len(data) {
		return time.Time{}, 0
	}
	return parseSync(string(data), now)
}

func parseSync(text string, now time.Time) (synced time.Time, latest int64) {
	var nanoseconds int64
	if count, err := fmt.Sscanf(text, "%d %d\n", &nanoseconds, &latest); count != 2 || err != nil || nanoseconds < 0 || latest < 0 ||
		fmt.Sprintf(syncFormat, nanoseconds, latest) != text {
		return time.Time{}, 0
	}
	if synced = time.Unix(0, nanoseconds); nanoseconds == 0 || synced.After(now) {
		synced = time.Time{}
	}
	return synced, latest
}

// write puts both into the file. If it can't be written, the gateway counts as behind for longer after a restart.
func (f syncFile) write(synced time.Time, latest int64) {
	var nanoseconds int64
	if !synced.IsZero() {
		nanoseconds = synced.UnixNano()
	}
	_, _ = f.file.WriteAt(fmt.Appendf(nil, syncFormat, max(nanoseconds, 0), max(latest, 0)), 0)
}

func (f syncFile) close() error { return f.file.Close() }
