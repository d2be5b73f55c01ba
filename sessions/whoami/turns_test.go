package whoami

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// Two clients flood the gateway with hundreds of questions each; a third one that comes later waits one turn of theirs.
func TestTurnGoesRoundFromClientToClient(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		queue := mustMakeQueue(t, Limits{Concurrent: 8, PerClient: 2, Waiting: 1024, Timeout: time.Minute})
		app := newApplication()
		flood := []string{"192.0.2.1", "2001:db8::1"}
		const each = 300
		for i := range each {
			for _, client := range flood {
				name := fmt.Sprint(client, " ", i)
				app.call(t.Context(), queue, name, Query{Key: key(name), Client: client})
			}
		}
		for i := range 3 {
			name := fmt.Sprint("198.51.100.1 ", i)
			app.call(t.Context(), queue, name, Query{Key: key(name), Client: "198.51.100.1"})
		}
		running, begun := app.running(), 0
		var order []string
		for len(running) > 0 {
			question := running[0]
			running = running[1:]
			question.answer <- "done"
			question.release()
			for _, next := range app.running() {
				client, _, _ := strings.Cut(next.id, " ")
				order = append(order, client)
				running = append(running, next)
				begun++
			}
		}
		if want := 2*each + 3 - 4; begun != want {
			t.Errorf("%d waiting questions began, want %d", begun, want)
		}
		for place, limit := range []int{3, 6, 9} {
			if got := nth(order, "198.51.100.1", place); got < 0 || got >= limit {
				t.Errorf("question %d of the third client began as number %d, want one of the first %d", place, got, limit)
			}
		}
		synctest.Wait()
		wantIdle(t, queue)
	})
}

// nth returns the position of the n-th element that is the given one, counted from 0, or -1.
func nth(list []string, element string, n int) int {
	position := -1
	for range n + 1 {
		next := slices.Index(list[position+1:], element)
		if next < 0 {
			return -1
		}
		position += 1 + next
	}
	return position
}

// A row of new clients, such as an attacker with many addresses has, does not push in before those that had a turn.
func TestNewcomersDoNotPushIn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		queue := mustMakeQueue(t, Limits{Concurrent: 2, PerClient: 1, Waiting: 100, Timeout: time.Minute})
		app := newApplication()
		ask := func(client, name string) {
			app.call(t.Context(), queue, client+" "+name, Query{Key: key(client + name), Client: client})
		}
		for i := range 12 {
			ask("192.0.2.1", fmt.Sprint(i))
		}
		running, turns := app.running(), 0
		finish := func() {
			running[0].answer <- "done"
			running[0].release()
			running = app.running()
		}
		for i := range 30 {
			ask(fmt.Sprint("198.51.100.", i), "new")
			if finish(); strings.HasPrefix(running[0].id, "192.0.2.1 ") {
				turns++
			}
		}
		if turns < 5 {
			t.Errorf("who waits had %d turns among 30 newcomers", turns)
		}
		for len(running) > 0 {
			finish()
		}
		synctest.Wait()
		wantIdle(t, queue)
	})
}

// A long row of clients that come and go leaves no more turns behind than may wait, and none once nobody waits.
func TestTurnsAreForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		queue := mustMakeQueue(t, Limits{Concurrent: 2, PerClient: 1, Waiting: 4, Timeout: time.Minute})
		app := newApplication()
		var running []*question
		finish := func() {
			running[0].answer <- "done"
			running[0].release()
			running = append(running[1:], app.running()...)
		}
		for i := range 100 {
			name := fmt.Sprint(i)
			app.call(t.Context(), queue, name, Query{Key: key(name), Client: fmt.Sprintf("198.51.100.%d", i)})
			running = append(running, app.running()...)
			if got := len(queue.turns.of); got > 3*queue.limits.Waiting {
				t.Fatalf("%d turns are kept", got)
			}
			if i >= 3 { // so that some always wait
				finish()
			}
		}
		if len(queue.turns.of) == 0 {
			t.Error("nobody waits, so that this shows nothing")
		}
		for len(running) > 0 {
			finish()
		}
		synctest.Wait()
		wantIdle(t, queue)
	})
}
