package ledger

import (
	"context"
	"sync"
	"time"

	"github.com/caddy-jwt-session/caddy-jwt-session/blacklist"
	"github.com/caddy-jwt-session/caddy-jwt-session/sessions"
	"github.com/caddy-jwt-session/caddy-jwt-session/storage"
)

// follower puts in force what other gateways write to the place. It implements [storage.Follower].
type follower struct {
	book        *book
	linkChanged func(storage.Link)
	stored      func(string)

	linked  chan<- struct{} // is sent to when the place was reached, unless it is full
	reached chan struct{}   // closed when the place was reached for the first time
	once    sync.Once
}

var _ storage.Follower = (*follower)(nil)

// reachTime bounds how long a ledger waits at its start for a place that it shares.
const reachTime = 2 * time.Second

// wait waits until the place was reached for the first time, or does not answer in time: a gateway that is cut off starts with
// what it knows.
func (f *follower) wait(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, reachTime)
	defer cancel()
	select {
	case <-f.reached:
	case <-ctx.Done():
	}
}

// Apply puts the changes in force, all of them first. Then it does for each of them what the method does that wrote it, on
// the gateway where it was called: what is in flight here for the session is void.
//
// Nothing is missed between the two: until Apply has returned, the place takes no record from this gateway that the changes
// are about, since they are later than [storage.Shared.Position]. Apply takes no lock that is held during a call of the place:
// such a call may wait until this gateway has heard of something.
func (f *follower) Apply(changes []storage.Change) {
	var news []blacklist.Entry
	lifted := false
	for len(changes) > 0 {
		if changes[0].Lifted {
			entry := changes[0].Entry
			f.book.blacklist.AdoptLift(entry.Subject, entry.At)
			lifted, changes = true, changes[1:]
			continue
		}
		var entries []blacklist.Entry
		for len(changes) > 0 && !changes[0].Lifted {
			entries, changes = append(entries, changes[0].Entry), changes[1:]
		}
		news = append(news, f.book.blacklist.revokedAt.adopt(f.book.blacklist.List, entries)...)
	}
	if lifted {
		f.book.refusals.Clear()
	}
	for _, entry := range news {
		f.settle(entry.Subject)
	}
}

// settle makes void what is in flight here and depends on what was before the entry for the subject.
func (f *follower) settle(subject blacklist.Subject) {
	key := sessions.Key{Realm: subject.Realm(), Hash: subject.Digest()}
	switch subject.Kind() {
	case blacklist.KindEnd, blacklist.KindSession:
		f.book.stripes.of(key).overtake(key)
	case blacklist.KindRealm, blacklist.KindAll:
		dropped := scope{realm: subject.Realm(), everywhere: subject.Kind() == blacklist.KindAll}
		for i := range f.book.stripes {
			f.book.stripes[i].overtakeAll(dropped)
		}
	case blacklist.KindSet:
		f.book.refusals.Drop(key)
	default: // are looked up when they are needed
	}
}

// Linked passes on that the place was lost or reached again.
func (f *follower) Linked(link storage.Link) {
	if link.Connected {
		f.once.Do(func() { close(f.reached) })
		select {
		case f.linked <- struct{}{}:
		default:
		}
	}
	if f.linkChanged != nil {
		f.linkChanged(link)
	}
}

// Stored passes on that another gateway has stored a file.
func (f *follower) Stored(name string) {
	if f.stored != nil {
		f.stored(name)
	}
}
