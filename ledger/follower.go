package ledger

import (
	"github.com/caddy-jwt-session/caddy-jwt-session/blacklist"
	"github.com/caddy-jwt-session/caddy-jwt-session/sessions"
	"github.com/caddy-jwt-session/caddy-jwt-session/storage"
)

// follower puts in force what other gateways write to the place. It implements [storage.Follower].
type follower struct {
	book        *book
	linkChanged func(storage.Link)
	stored      func(string)
}

var _ storage.Follower = (*follower)(nil)

// Apply puts the changes in force, all of them first. Then it does for each of them what the method does that wrote it, on
// the gateway where it was called: what is in flight here for the session is void.
//
// Nothing is missed between the two: until Apply has returned, the place takes no record from this gateway that the changes
// are about, since they are later than [storage.Shared.Position].
func (f *follower) Apply(changes []storage.Change) {
	var news []blacklist.Entry
	lifted := false
	for len(changes) > 0 {
		if changes[0].Lifted {
			entry := changes[0].Entry
			lifted = f.book.blacklist.AdoptLift(entry.Subject, entry.At) || lifted
			changes = changes[1:]
			continue
		}
		var entries []blacklist.Entry
		for len(changes) > 0 && !changes[0].Lifted {
			f.book.blacklist.revokedAt.markNew(f.book.blacklist.List, changes[0].Entry)
			entries, changes = append(entries, changes[0].Entry), changes[1:]
		}
		news = append(news, f.book.blacklist.Adopt(entries...)...)
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
		stripe := f.book.stripes.lock(key)
		stripe.overtake(key)
		stripe.mu.Unlock()
	case blacklist.KindRealm, blacklist.KindAll:
		dropped := scope{realm: subject.Realm(), everywhere: subject.Kind() == blacklist.KindAll}
		for i := range f.book.stripes {
			stripe := &f.book.stripes[i]
			stripe.mu.Lock()
			stripe.overtakeAll(dropped)
			stripe.mu.Unlock()
		}
	case blacklist.KindSet:
		f.book.refusals.Drop(key)
	default: // are looked up when they are needed
	}
}

// Linked passes on that the place was lost or reached again.
func (f *follower) Linked(link storage.Link) {
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
