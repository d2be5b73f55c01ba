package redisstore

import (
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/caddy-jwt-session/caddy-jwt-session/blacklist"
	"github.com/caddy-jwt-session/caddy-jwt-session/storage"
)

// change is what has become of the entry of one subject, as all gateways see it.
//
// The At of its entry is logical: where an entry or a lift is written back to a server that had lost it, it stays. So what was
// lifted does not come back by the hand of a gateway that has not heard of the lift. The place at which the change stands
// in the log is told apart from it.
type change struct {
	entry blacklist.Entry // of a lift: its subject, its At, and until when the lift is remembered
	lift  bool
}

// The kinds of changes in the log.
const (
	written = 'w'
	lifted  = 'l'
)

// mark is the head of a change in the log: its kind, and the length of the subject in four bytes. The subject follows, then
// one byte with the length of the text of its values.
const mark = 1 + 4

// appendChange appends the bytes that the scripts write for a change.
func appendChange(data []byte, c change) []byte {
	kind, values := byte(written), entryText(c.entry)
	if c.lift {
		kind, values = lifted, liftText(c.entry)
	}
	subject := c.entry.Subject.Bytes()
	data = binary.BigEndian.AppendUint32(append(data, kind), uint32(len(subject)))
	data = append(append(data, subject...), byte(len(values)))
	return append(data, values...)
}

// parseChanges reads what [appendChange] and the scripts write.
func parseChanges(data string) ([]change, error) {
	var changes []change
	for len(data) > 0 {
		c, size, err := parseChange(data)
		if err != nil {
			return nil, err
		}
		changes, data = append(changes, c), data[size:]
	}
	return changes, nil
}

func parseChange(data string) (change, int, error) {
	if len(data) < mark {
		return change{}, 0, errAnswer
	}
	length := uint64(binary.BigEndian.Uint32([]byte(data[1:mark])))
	if length >= uint64(len(data)-mark) {
		return change{}, 0, errAnswer
	}
	at := mark + int(length)
	end := at + 1 + int(data[at])
	if end > len(data) {
		return change{}, 0, errAnswer
	}
	subject, values := data[mark:at], data[at+1:end]
	switch data[0] {
	case written:
		entry, _, err := parseEntry(subject, values+" "+idOf(0))
		return change{entry: entry}, end, err
	case lifted:
		entry, err := parseLift(subject, values)
		return change{entry: entry, lift: true}, end, err
	default:
		return change{}, 0, errVersion
	}
}

// entryText returns the values of an entry as the log has them: its second, its expiry and its place.
func entryText(entry blacklist.Entry) string {
	return fmt.Sprintf("%d %d %s", entry.Second, seconds(entry.Expires), idOf(entry.At))
}

// parseEntry reads what the hash of the entries has of a subject: the values of the log, then the place in the log of its last
// change, which it returns as well.
func parseEntry(subject, values string) (blacklist.Entry, uint64, error) {
	var entry blacklist.Entry
	fields := strings.Split(values, " ")
	if len(fields) != 4 {
		return entry, 0, errAnswer
	}
	second, secondErr := strconv.ParseInt(fields[0], 10, 64)
	expires, expiresErr := strconv.ParseInt(fields[1], 10, 64)
	at, atErr := placeOf(fields[2])
	changed, changedErr := placeOf(fields[3])
	if secondErr != nil || expiresErr != nil || atErr != nil || changedErr != nil {
		return entry, 0, errAnswer
	}
	named, err := subjectOf(subject)
	if err != nil {
		return entry, 0, err
	}
	return blacklist.Entry{Subject: named, Second: second, Expires: time.Unix(expires, 0), At: at}, changed, nil
}

// liftText returns the values of a lift: its place, and until when it is remembered.
func liftText(entry blacklist.Entry) string {
	return fmt.Sprintf("%s %d", idOf(entry.At), seconds(entry.Expires))
}

// parseLift reads what [liftText] returns and the hash of the lifts has.
func parseLift(subject, values string) (blacklist.Entry, error) {
	id, until, _ := strings.Cut(values, " ")
	at, atErr := placeOf(id)
	expires, expiresErr := strconv.ParseInt(until, 10, 64)
	if atErr != nil || expiresErr != nil {
		return blacklist.Entry{}, errAnswer
	}
	named, err := subjectOf(subject)
	return blacklist.Entry{Subject: named, Expires: time.Unix(expires, 0), At: at}, err
}

func subjectOf(data string) (blacklist.Subject, error) {
	subject, err := blacklist.ParseSubject([]byte(data))
	if err != nil {
		return subject, errVersion
	}
	return subject, nil
}

// seconds returns the time in seconds since 1970, rounded up.
func seconds(at time.Time) int64 {
	whole := at.Unix()
	if at.Nanosecond() > 0 {
		whole++
	}
	return whole
}

// told returns the change as a follower is told of it, with the place in the log at which it stands.
func (c change) told(place uint64) storage.Change {
	if c.lift {
		return storage.Change{Entry: blacklist.Entry{Subject: c.entry.Subject, At: place}, Lifted: true}
	}
	entry := c.entry
	entry.At = place
	return storage.Change{Entry: entry}
}

// copied returns the change as the local copy keeps it.
func (c change) copied() storage.Change {
	if c.lift {
		return storage.Change{Entry: blacklist.Entry{Subject: c.entry.Subject, At: c.entry.At}, Lifted: true}
	}
	return storage.Change{Entry: c.entry}
}

// signature says who has written an entry of the log: a gateway, and the number of its write.
func signature(gateway string, number uint64) string {
	return gateway + "/" + strconv.FormatUint(number, 10)
}

// parseSignature reads what signature returns. The number is 0 where there is none.
func parseSignature(text string) (gateway string, number uint64) {
	gateway, digits, _ := strings.Cut(text, "/")
	number, err := strconv.ParseUint(digits, 10, 64)
	if err != nil {
		return gateway, 0
	}
	return gateway, number
}
