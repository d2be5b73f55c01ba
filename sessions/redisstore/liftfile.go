package redisstore

import (
	"bytes"
	"encoding/base64"
	"errors"
	"io/fs"
	"maps"
	"os"
	"time"

	"github.com/caddy-jwt-session/caddy-jwt-session/blacklist"
)

// liftFile holds the lifts that this gateway knows of over restarts, one on each line. It is not synced to disk: only if the
// server has lost a lift as well, a gateway that was cut off meanwhile may bring the entry back.
type liftFile struct{ file *os.File }

// openLiftFile opens the file, which it may create, and returns the lifts that are still remembered. The file has no others
// afterwards.
func openLiftFile(name string, now time.Time) (liftFile, map[blacklist.Subject]blacklist.Entry, error) {
	data, err := os.ReadFile(name)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return liftFile{}, nil, err
	}
	lifts := make(map[blacklist.Subject]blacklist.Entry)
	for line := range bytes.Lines(data) {
		if lift, ok := parseLiftLine(line); ok {
			lifts[lift.Subject] = lift.Merged(lifts[lift.Subject])
		}
	}
	maps.DeleteFunc(lifts, func(_ blacklist.Subject, lift blacklist.Entry) bool { return lift.Expired(now) })
	var kept []byte
	for _, lift := range lifts {
		kept = appendLiftLine(kept, lift)
	}
	if err := os.WriteFile(name+".new", kept, 0o600); err != nil {
		return liftFile{}, nil, err
	}
	if err := os.Rename(name+".new", name); err != nil {
		return liftFile{}, nil, err
	}
	file, err := os.OpenFile(name, os.O_APPEND|os.O_WRONLY, 0o600)
	return liftFile{file}, lifts, err
}

func appendLiftLine(data []byte, lift blacklist.Entry) []byte {
	data = base64.RawURLEncoding.AppendEncode(data, lift.Subject.Bytes())
	return append(append(append(data, ' '), liftText(lift)...), '\n')
}

// parseLiftLine reads one line, and returns false if it is damaged. The last line may have been cut off by a crash.
func parseLiftLine(line []byte) (blacklist.Entry, bool) {
	line, whole := bytes.CutSuffix(line, []byte("\n"))
	subject, values, _ := bytes.Cut(line, []byte(" "))
	decoded, err := base64.RawURLEncoding.Strict().AppendDecode(nil, subject)
	if err != nil || !whole {
		return blacklist.Entry{}, false
	}
	lift, err := parseLift(string(decoded), string(values))
	return lift, err == nil
}

// add adds a lift.
func (f liftFile) add(lift blacklist.Entry) { _, _ = f.file.Write(appendLiftLine(nil, lift)) }

func (f liftFile) close() error { return f.file.Close() }
