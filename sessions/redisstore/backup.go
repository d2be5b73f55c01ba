package redisstore

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/redis/rueidis"

	"github.com/caddy-jwt-session/caddy-jwt-session/blacklist"
	"github.com/caddy-jwt-session/caddy-jwt-session/sessions"
	"github.com/caddy-jwt-session/caddy-jwt-session/storage/backup"
	"github.com/caddy-jwt-session/caddy-jwt-session/storage/record"
)

// looked is how many keys the server looks at in one step of a scan. It does nothing else meanwhile.
const looked = 500

// errGap is the error of a backup during which the server has lost the log of its changes, or dropped it for its age.
var errGap = errors.New("the server has dropped what was written meanwhile: try again, and read the backup faster")

// backer writes a backup while gateways use the store.
//
// The journal is read after the sessions, so that the backup is of one moment, near its end: everything that was revoked or has
// ended before is in it. A session that was read and ended afterwards has an entry, which ends the record when the backup is
// restored. The entry may be gone by then, since it has expired or was lifted. So the log of the changes is read from where it
// stood before the first session was read, and every end in it is written, as one that has expired.
//
// The entries are those of the end of the log. The scan of the hash that holds them is not of one moment: but a subject that
// nobody has written about meanwhile is as it is at any moment, and for each other one the log has what it has become.
type backer struct {
	server remote
	now    time.Time
	to     *backup.Writer

	entries map[blacklist.Subject]blacklist.Entry
	ended   map[sessions.Key]int64 // the seconds of the ends that the log has
}

// Backup implements [storage.Backuper]. Sessions that begin while it reads may be in the backup or not.
func (p *Place) Backup(ctx context.Context, to io.Writer) error {
	const doing = "backing up"
	ctx, leave, err := p.gate.enter(ctx)
	if err != nil {
		return backupError(doing, err)
	}
	defer leave()
	return backupError(doing, backUp(ctx, p.replica.remote(), p.replica.now(), to))
}

// unwritten is the error of what a backup is written to.
type unwritten struct{ error }

// backupError returns the error of a backup. What is wrong with what is on the server is no failure to reach it.
func backupError(doing string, err error) error {
	if failed, ok := errors.AsType[unwritten](err); ok {
		return fmt.Errorf("%s: %w", doing, failed.error)
	}
	if why := reason(err); errors.Is(why, record.ErrDamaged) || errors.Is(why, errVersion) {
		return fmt.Errorf("%s: %w", doing, why)
	}
	return unavailable(sessions.ErrUnavailable, doing, err)
}

// backUp writes all that the store holds. The client must have joined it.
func backUp(ctx context.Context, server remote, now time.Time, to io.Writer) error {
	began, err := server.last(ctx)
	if err != nil {
		return err
	}
	origin, err := server.client.do(ctx, func(b rueidis.Builder) rueidis.Completed {
		return b.Get().Key(server.client.keys.origin()).Build()
	}).ToString()
	if err != nil && !rueidis.IsRedisNil(err) {
		return err
	}
	b := &backer{
		server: server, now: now, to: backup.NewWriter(to, backup.Origin{ID: origin, Clock: now}),
		entries: make(map[blacklist.Subject]blacklist.Entry), ended: make(map[sessions.Key]int64),
	}
	if err := b.writeSessions(ctx); err != nil {
		return err
	}
	if err := b.readEntries(ctx, began); err != nil {
		return err
	}
	if err := b.writeEntries(); err != nil {
		return unwritten{err}
	}
	if err := b.to.Close(); err != nil {
		return unwritten{err}
	}
	return nil
}

// writeSessions writes all sessions that have not expired.
func (b *backer) writeSessions(ctx context.Context) error {
	client := b.server.client
	return scanAll(ctx, client, scanScript, client.keys.sessions(), func(answer []rueidis.RedisMessage) error {
		if len(answer) != 2 {
			return errAnswer
		}
		names, err := answer[0].AsStrSlice()
		if err != nil {
			return err
		}
		records, err := answer[1].ToArray()
		if err != nil || len(records) != len(names) {
			return errors.Join(err, errAnswer)
		}
		for i, name := range names {
			if err := b.writeSession(name, records[i]); err != nil {
				return err
			}
		}
		return nil
	})
}

func (b *backer) writeSession(name string, value rueidis.RedisMessage) error {
	key, err := b.server.client.keys.sessionOf(name)
	if err != nil {
		return err
	}
	session, found, err := parseValue(key, value)
	if err != nil || !found || session.Expired(b.now) {
		return err
	}
	if err := b.to.Session(key, record.AppendSession(nil, session)); err != nil {
		return unwritten{err}
	}
	return nil
}

// readEntries reads the entries of the journal, and what was written to the log since the place.
func (b *backer) readEntries(ctx context.Context, since uint64) error {
	err := b.server.scan(ctx, b.server.client.keys.live(), func(subject, values string) error {
		entry, _, err := parseEntry(subject, values)
		b.entries[entry.Subject] = entry
		return err
	})
	if err != nil {
		return err
	}
	until, err := b.server.last(ctx)
	for err == nil && since < until {
		since, err = b.readLog(ctx, since)
	}
	if err == nil && since > until {
		_, err = b.server.last(ctx) // nothing was exchanged meanwhile
	}
	return err
}

// readLog reads the next part of the log behind the place, and returns the place that it ends at.
func (b *backer) readLog(ctx context.Context, since uint64) (uint64, error) {
	client := b.server.client
	items, err := client.do(ctx, func(builder rueidis.Builder) rueidis.Completed {
		return builder.Xrange().Key(client.keys.log()).Start("(" + idOf(since)).End("+").Count(readBatch).Build()
	}).AsXRange()
	if err != nil {
		return since, err
	}
	if len(items) == 0 {
		return since, errGap
	}
	for _, item := range items {
		read, err := parseLogEntry(item)
		if err != nil {
			return since, err
		}
		if read.previous != since {
			return since, errGap
		}
		since = read.place
		for _, changed := range read.changes {
			b.apply(changed)
		}
	}
	return since, nil
}

// apply makes a change of the log.
func (b *backer) apply(changed change) {
	if changed.lift {
		delete(b.entries, changed.entry.Subject)
		return
	}
	b.entries[changed.entry.Subject] = changed.entry
	if key, ends := backup.Ended(changed.entry); ends {
		b.ended[key] = max(b.ended[key], changed.entry.Second)
	}
}

// writeEntries writes the entries, and the ends that are none any more.
func (b *backer) writeEntries() error {
	for _, entry := range b.entries {
		if entry.Expired(b.now) || entry.Subject.Kind() == blacklist.KindSet { // which names a place of this server's log
			continue
		}
		if err := b.to.Entry(entry); err != nil {
			return err
		}
	}
	for key, second := range b.ended {
		end := blacklist.Entry{Subject: blacklist.EndOf(key.Realm, key.Hash), Second: second, Expires: time.Unix(0, 0)}
		if err := b.to.Entry(end); err != nil {
			return err
		}
	}
	return nil
}

// scanAll calls yield with each answer of a script that scans all keys with a prefix, without the cursor that the answer begins
// with. The script takes the cursor, the pattern, and more.
func scanAll(ctx context.Context, c *client, script *script, prefix string, yield func([]rueidis.RedisMessage) error, more ...string) error {
	for cursor := "0"; ; {
		arguments := append([]string{c.joined(), cursor, patternOf(prefix), strconv.Itoa(looked)}, more...)
		answer, err := c.run(ctx, script, []string{c.keys.epoch()}, arguments).ToArray()
		if err != nil {
			return err
		}
		if len(answer) == 0 {
			return errAnswer
		}
		if cursor, err = answer[0].ToString(); err != nil {
			return err
		}
		if err := yield(answer[1:]); err != nil || cursor == "0" {
			return err
		}
	}
}

// check reads all of the store that the client finds. The server is not changed.
func check(ctx context.Context, c *client) (backup.Contents, error) {
	epoch, err := c.do(ctx, func(b rueidis.Builder) rueidis.Completed { return b.Get().Key(c.keys.epoch()).Build() }).ToString()
	if rueidis.IsRedisNil(err) {
		return backup.Contents{}, errNoStore
	}
	if err != nil {
		return backup.Contents{}, unavailable(sessions.ErrUnavailable, "looking for the store", err)
	}
	c.join(epoch)
	from, to := io.Pipe()
	failed := make(chan error, 1)
	go func() {
		err := backUp(ctx, remote{client: c, note: func(string) {}}, time.Now(), to)
		failed <- err
		_ = to.CloseWithError(err)
	}()
	contents, err := backup.ReadAll(from)
	_ = from.Close()
	if err := <-failed; err != nil {
		return backup.Contents{}, backupError("reading the store", err)
	}
	return contents, err
}
