package blacklist

import (
	"slices"
	"sync"
	"sync/atomic"
)

const (
	// maxRecent is the greatest number of subjects that recent leads to.
	maxRecent = 8192
	// recentSeconds is for how many seconds an entry is recent, unless there are more of them.
	recentSeconds = 2
)

// recent leads to the entries whose second is that of the clock or later, so that nobody looks at all entries for them. It may
// lead to more, and to entries that are gone. The zero value is ready for use.
type recent struct {
	// after is a second. Recent leads to every entry of a timed kind whose second is later.
	after atomic.Int64

	mu       sync.Mutex
	subjects map[Subject]int64 // with the latest second that was noted
}

// note notes an entry that is about to be merged. The present second is now.
func (r *recent) note(entry Entry, now func() int64) {
	if !entry.Subject.kind.isTimed() || entry.Second <= r.after.Load() {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.subjects == nil {
		r.subjects = make(map[Subject]int64)
	}
	latest, noted := r.subjects[entry.Subject]
	if !noted || latest < entry.Second {
		r.subjects[entry.Subject] = entry.Second
	}
	if len(r.subjects) > maxRecent {
		r.makeRoom(now())
	}
}

// makeRoom forgets at least half of the subjects: those of past seconds, or of this one too, or all of them.
func (r *recent) makeRoom(now int64) {
	last := now
	for _, second := range r.subjects {
		last = max(last, second)
	}
	for _, after := range []int64{now - recentSeconds, now, last} {
		kept := make(map[Subject]int64)
		for subject, second := range r.subjects {
			if second > after {
				kept[subject] = second
			}
		}
		if len(kept) <= maxRecent/2 {
			r.after.Store(max(r.after.Load(), after))
			r.subjects = kept
			return
		}
	}
}

// since returns the subjects of the kinds that may have an entry of the second or later. It returns false if there may be
// others.
func (r *recent) since(second int64, of []Kind) (subjects []Subject, all bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if second <= r.after.Load() || slices.ContainsFunc(of, func(kind Kind) bool { return !kind.isTimed() }) {
		return nil, false
	}
	for subject, noted := range r.subjects {
		if noted >= second && slices.Contains(of, subject.kind) {
			subjects = append(subjects, subject)
		}
	}
	return subjects, true
}
