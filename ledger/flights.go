package ledger

import (
	"slices"
	"sync"

	"github.com/caddy-jwt-session/caddy-jwt-session/sessions"
)

// flights holds the questions in flight of a stripe. It has a lock of its own, which is held for moments: what another gateway
// has done makes them void while a session of the stripe is being changed, and that may be waiting for this gateway to hear of
// it. The zero value is ready for use.
type flights struct {
	guard     sync.Mutex
	questions map[sessions.Key][]*Question
}

func (f *flights) add(q *Question) {
	f.guard.Lock()
	defer f.guard.Unlock()
	if f.questions == nil {
		f.questions = make(map[sessions.Key][]*Question)
	}
	f.questions[q.key] = append(f.questions[q.key], q)
}

// has reports whether the question is in.
func (f *flights) has(q *Question) bool {
	f.guard.Lock()
	defer f.guard.Unlock()
	return slices.Contains(f.questions[q.key], q)
}

// remove takes the question out.
func (f *flights) remove(q *Question) {
	f.guard.Lock()
	defer f.guard.Unlock()
	questions := f.questions[q.key]
	i := slices.Index(questions, q)
	if i < 0 {
		return
	}
	if questions = slices.Delete(questions, i, i+1); len(questions) == 0 {
		delete(f.questions, q.key)
	} else {
		f.questions[q.key] = questions
	}
}

// overtake makes the answers to the questions in flight void.
func (f *flights) overtake(key sessions.Key) {
	f.guard.Lock()
	defer f.guard.Unlock()
	delete(f.questions, key)
}

// overtakeBut makes the answers to all other questions about the session void.
func (f *flights) overtakeBut(key sessions.Key, kept *Question) {
	f.guard.Lock()
	defer f.guard.Unlock()
	if !slices.Contains(f.questions[key], kept) {
		delete(f.questions, key)
		return
	}
	f.questions[key] = []*Question{kept}
}

// overtakeAll makes the answers to the questions in flight in the scope void.
func (f *flights) overtakeAll(dropped scope) {
	f.guard.Lock()
	defer f.guard.Unlock()
	for key := range f.questions {
		if dropped.everywhere || key.Realm == dropped.realm {
			delete(f.questions, key)
		}
	}
}

// forget keeps the answer "nobody" to the questions in flight from being remembered.
func (f *flights) forget(key sessions.Key) {
	f.guard.Lock()
	defer f.guard.Unlock()
	for _, q := range f.questions[key] {
		q.forgotten = true
	}
}

// inFlight returns the number of questions.
func (f *flights) inFlight() int {
	f.guard.Lock()
	defer f.guard.Unlock()
	total := 0
	for _, questions := range f.questions {
		total += len(questions)
	}
	return total
}

// isForgotten reports whether forget was called since the question was added.
func (f *flights) isForgotten(q *Question) bool {
	f.guard.Lock()
	defer f.guard.Unlock()
	return q.forgotten
}
