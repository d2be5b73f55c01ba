package redisstore

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/redis/rueidis"

	"github.com/caddy-jwt-session/caddy-jwt-session/blacklist"
	"github.com/caddy-jwt-session/caddy-jwt-session/sessions"
	"github.com/caddy-jwt-session/caddy-jwt-session/storage/backup"
)

const (
	// restoreBatch is how many sessions are written at a time, and restorers is by how many goroutines: so many commands are
	// under way at once.
	restoreBatch, restorers = 1024, 32
	// discardTime is how long it may take to remove what is left of a restore that failed.
	discardTime = time.Minute
)

var (
	errNoStore = errors.New("there is no session store under this prefix on the server")
	errTaken   = errors.New("there is a session store under this prefix on the server: name another prefix, or stop all gateways that " +
		"use it and remove the keys that begin with it if nobody needs them")
	errRemains = errors.New("on the server are the remains of a session store under this prefix, but the key that says which one is " +
		"missing: name another prefix, or remove the keys that begin with it if nobody needs them")
	errOvertaken = errors.New("another restore to this prefix has begun, or the server was emptied")
	errAgain     = errors.New("what was written of the backup is no store: run the command again, which begins anew")
	errDraft     = errors.New("a backup is being restored to the server, or that broke off: let `caddy jwt-session store restore` end, " +
		"or run it again")
)

// restorer writes a backup to the server. Until all of it is there, a key named draft stands in the place of the epoch. No
// gateway joins a store that is a draft. What is written looks at the draft as what gateways write looks at the epoch, so that
// a restore ends where another one begins.
type restorer struct {
	client *client // with the names of the draft
	store  *store
	now    time.Time

	sessions map[sessions.Key]sessions.Session // to be written
	entries  []blacklist.Entry                 // to be written after all sessions, as an entry removes the session that it ends
}

// nothing is what the journal of a draft holds until all sessions are written.
type nothing struct{}

func (nothing) position() uint64 { return 0 }
func (nothing) own() []uint64    { return nil }
func (nothing) lost() bool       { return false }

// restore makes a store of a backup under the prefix of the client, which must have the names of the draft.
func restore(ctx context.Context, client *client, from io.Reader) (backup.Contents, error) {
	read, err := backup.NewReader(from)
	if err != nil {
		return backup.Contents{}, err
	}
	r := &restorer{client: client, store: &store{client: client, known: nothing{}}, now: time.Now(), sessions: make(map[sessions.Key]sessions.Session)}
	if err := r.begin(ctx); err != nil {
		return backup.Contents{}, told(err)
	}
	contents, err := r.fill(ctx, read)
	if err == nil {
		err = r.finish(ctx, read.Origin().ID)
	}
	if err != nil {
		return backup.Contents{}, r.discard(ctx, told(err))
	}
	return contents, nil
}

// unread is the error of reading the backup.
type unread struct{ error }

// told returns what may be told of an error of a restore.
func told(err error) error {
	if failed, ok := errors.AsType[unread](err); ok {
		return failed.error
	}
	const doing = "restoring"
	switch why := reason(err); {
	case errors.Is(why, errExchanged):
		return fmt.Errorf("%s: %w", doing, errOvertaken)
	case errors.Is(why, errTaken), errors.Is(why, errRemains):
		return fmt.Errorf("%s: %w", doing, why)
	case errors.Is(err, sessions.ErrUnavailable): // it is told already
		return fmt.Errorf("%s: %w", doing, err)
	default:
		return unavailable(sessions.ErrUnavailable, doing, err)
	}
}

// begin begins a draft. It removes what an earlier one has left.
func (r *restorer) begin(ctx context.Context) error {
	names := r.client.keys
	id := rand.Text()
	broken, err := r.client.run(ctx, draftScript, []string{names.epoch(), names.store().epoch()}, []string{id}).AsInt64()
	if err != nil {
		return err
	}
	r.client.join(id)
	if broken == 1 {
		return r.clear(ctx)
	}
	found, err := r.scan(ctx, "count")
	if err == nil && found > 0 {
		err = errors.Join(errRemains, r.client.run(ctx, discardScript, []string{names.epoch()}, []string{id}).Error())
	}
	return err
}

// fill writes all of the backup.
func (r *restorer) fill(ctx context.Context, read *backup.Reader) (backup.Contents, error) {
	for {
		item, err := read.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return backup.Contents{}, unread{err}
		}
		if err := r.add(ctx, item); err != nil {
			return backup.Contents{}, err
		}
	}
	if err := r.flush(ctx); err != nil {
		return backup.Contents{}, err
	}
	written, err := r.writeEntries(ctx)
	if err != nil {
		return backup.Contents{}, err
	}
	count, err := r.store.Count(ctx)
	return backup.Contents{Sessions: uint64(count), Entries: uint64(written)}, err
}

func (r *restorer) add(ctx context.Context, item backup.Item) error {
	switch item := item.(type) {
	case backup.Session:
		r.sessions[item.Key] = item.Session
		if len(r.sessions) >= restoreBatch {
			return r.flush(ctx)
		}
	case backup.Entry:
		r.entries = append(r.entries, item.Entry)
	}
	return nil
}

// flush writes the sessions that are to be written.
func (r *restorer) flush(ctx context.Context) error {
	all := slices.Collect(maps.Values(r.sessions))
	clear(r.sessions)
	var wait sync.WaitGroup
	failed := make([]error, restorers)
	for i := range restorers {
		wait.Go(func() {
			for at := i; at < len(all) && failed[i] == nil; at += restorers {
				failed[i] = r.store.Put(ctx, all[at], r.now)
			}
		})
	}
	wait.Wait()
	return errors.Join(failed...)
}

// writeEntries writes all entries that have not expired, and removes the sessions that all of them end. It returns how many
// were written.
func (r *restorer) writeEntries(ctx context.Context) (int, error) {
	live := make(map[blacklist.Subject]blacklist.Entry)
	for _, entry := range r.entries {
		if !entry.Expired(r.now) {
			live[entry.Subject] = entry
		} else if err := r.end(ctx, entry); err != nil {
			return 0, err
		}
	}
	for part := range slices.Chunk(slices.Collect(maps.Values(live)), writeBatch) {
		answer, err := r.client.run(ctx, writeScript, r.client.keys.journal(),
			writing("prolong", part).arguments(r.client.joined(), signature(r.client.joined(), 0), nil)).AsStrSlice()
		if err != nil {
			return 0, err
		}
		if len(answer) != 2+len(part) || answer[0] != answerWritten || slices.Contains(answer, "") {
			return 0, errAnswer
		}
	}
	return len(live), nil
}

// end removes the session that the entry ends.
func (r *restorer) end(ctx context.Context, entry blacklist.Entry) error {
	key, ends := backup.Ended(entry)
	if !ends {
		return nil
	}
	session, found, err := r.store.Get(ctx, key, r.now)
	if err == nil && found && session.AuthTime <= entry.Second {
		_, err = r.store.Delete(ctx, key)
	}
	return err
}

// finish makes a store of the draft.
func (r *restorer) finish(ctx context.Context, origin string) error {
	names, id := r.client.keys, r.client.joined()
	err := r.client.run(ctx, finishScript, []string{names.epoch(), names.store().epoch(), names.origin()}, []string{id, origin}).Error()
	if err == nil {
		return nil
	}
	epoch, asked := r.client.do(ctx, func(b rueidis.Builder) rueidis.Completed {
		return b.Get().Key(names.store().epoch()).Build()
	}).ToString()
	if asked == nil && epoch == id {
		return nil // the answer alone was lost
	}
	return err
}

// discard removes what was written before the error, unless another restore goes on with it, and returns the error.
func (r *restorer) discard(ctx context.Context, why error) error {
	if errors.Is(why, errOvertaken) {
		return why
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), discardTime)
	defer cancel()
	err := r.clear(ctx)
	if err == nil {
		err = r.client.run(ctx, discardScript, []string{r.client.keys.epoch()}, []string{r.client.joined()}).Error()
	}
	if err != nil {
		return fmt.Errorf("%w; %w", why, errAgain)
	}
	return why
}

// clear removes all that belongs to a draft.
func (r *restorer) clear(ctx context.Context) error {
	_, err := r.scan(ctx, "remove")
	return err
}

// scan looks for all that belongs to a draft, and returns how many keys there are.
func (r *restorer) scan(ctx context.Context, what string) (int64, error) {
	total := int64(0)
	err := scanAll(ctx, r.client, clearScript, r.client.keys.prefix, func(answer []rueidis.RedisMessage) error {
		if len(answer) != 1 {
			return errAnswer
		}
		found, err := answer[0].AsInt64()
		total += found
		return err
	}, what)
	return total, err
}
