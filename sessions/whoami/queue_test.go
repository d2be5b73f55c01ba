package whoami

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/caddy-jwt-session/caddy-jwt-session/sessions"
)

func key(id string) sessions.Key { return sessions.Key{Realm: "shop", Hash: sessions.HashOf(id)} }

// question is one that runs until the test answers it.
type question struct {
	id      string
	answer  chan string
	release func()
}

// application notes which questions run.
type application struct {
	asked   chan *question
	results chan string
}

func newApplication() *application {
	return &application{asked: make(chan *question, 5000), results: make(chan string, 5000)}
}

// call does one call of Do in a goroutine and notes its result by the caller's name.
func (a *application) call(ctx context.Context, queue *Queue[string], name string, query Query) {
	go func() {
		result, err := queue.Do(ctx, query, func(release func()) string {
			q := &question{id: name, answer: make(chan string), release: release}
			a.asked <- q
			return <-q.answer
		})
		if err != nil {
			result = err.Error()
		}
		a.results <- name + ": " + result
	}()
	synctest.Wait()
}

// running returns the questions that have begun since the last call.
func (a *application) running() []*question {
	synctest.Wait()
	var running []*question
	for len(a.asked) > 0 {
		running = append(running, <-a.asked)
	}
	return running
}

func names(questions []*question) string {
	var ids []string
	for _, q := range questions {
		ids = append(ids, q.id)
	}
	return strings.Join(ids, " ")
}

func (a *application) wantRunning(t *testing.T, want string) []*question {
	t.Helper()
	running := a.running()
	if got := names(running); got != want {
		t.Errorf("questions %q began, want %q", got, want)
	}
	return running
}

func (a *application) wantResult(t *testing.T, want string) {
	t.Helper()
	synctest.Wait()
	if len(a.results) == 0 {
		t.Errorf("no result, want %q", want)
	} else if got := <-a.results; got != want {
		t.Errorf("result %q, want %q", got, want)
	}
}

func (a *application) wantNoResult(t *testing.T) {
	t.Helper()
	synctest.Wait()
	if len(a.results) > 0 {
		t.Errorf("unexpected result %q", <-a.results)
	}
}

func mustMakeQueue(t *testing.T, limits Limits) *Queue[string] {
	t.Helper()
	queue, err := NewQueue[string](limits)
	if err != nil {
		t.Fatal(err)
	}
	return queue
}

// wantIdle checks that nothing is left of anything.
func wantIdle[T any](t interface{ Errorf(string, ...any) }, queue *Queue[T]) {
	queue.mutex.Lock()
	defer queue.mutex.Unlock()
	if len(queue.flights)+len(queue.waiting)+len(queue.callers)+queue.running+queue.unknown+len(queue.clients)+len(queue.turns.of) != 0 {
		t.Errorf("left over: %d flights, %d queued, %d waiting, %d running, %d unknown, %d clients, %d turns", len(queue.flights),
			len(queue.waiting), len(queue.callers), queue.running, queue.unknown, len(queue.clients), len(queue.turns.of))
	}
}

func TestOneQuestionPerSession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		queue, app := mustMakeQueue(t, DefaultLimits()), newApplication()
		ctx, cancel := context.WithCancel(t.Context())
		app.call(ctx, queue, "first", Query{Key: key("s1")})
		app.call(t.Context(), queue, "second", Query{Key: key("s1")})
		app.call(t.Context(), queue, "other", Query{Key: sessions.Key{Realm: "blog", Hash: key("s1").Hash}})
		running := app.wantRunning(t, "first other")

		// The question outlives the caller who asked it.
		cancel()
		app.wantResult(t, "first: context canceled")
		app.wantNoResult(t)
		running[0].answer <- "alice"
		app.wantResult(t, "second: alice")

		// The slot is taken until it is released, but a new question can be asked.
		if queue.running != 2 {
			t.Errorf("%d running", queue.running)
		}
		app.call(t.Context(), queue, "third", Query{Key: key("s1")})
		third := app.wantRunning(t, "third")[0]
		third.answer <- "bob"
		app.wantResult(t, "third: bob")
		running[1].answer <- "carol"
		app.wantResult(t, "other: carol")
		for _, q := range append(running, third) {
			q.release()
			q.release()
		}
		wantIdle(t, queue)
	})
}

func TestCallerWhoHasLeftAsksNothing(t *testing.T) {
	queue := mustMakeQueue(t, DefaultLimits())
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := queue.Do(ctx, Query{}, nil); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	wantIdle(t, queue)
}

func TestForget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		queue := mustMakeQueue(t, Limits{Concurrent: 4, PerClient: 2, Waiting: 10, Timeout: time.Second})
		app := newApplication()
		app.call(t.Context(), queue, "before", Query{Key: key("s1")})
		queue.Forget(key("s1"))
		queue.Forget(key("s2"))
		app.call(t.Context(), queue, "after", Query{Key: key("s1")})
		app.call(t.Context(), queue, "waiting", Query{Key: key("s3")})
		queue.Forget(key("s3")) // has not begun
		app.call(t.Context(), queue, "joining", Query{Key: key("s3")})
		running := app.wantRunning(t, "before after")
		running[0].answer <- "nobody"
		app.wantResult(t, "before: nobody")
		app.call(t.Context(), queue, "later", Query{Key: key("s1")})
		running[1].answer <- "alice"
		for range 2 {
			if result := <-app.results; !strings.HasSuffix(result, ": alice") {
				t.Error(result)
			}
		}
		running[0].release()
		running[1].release()
		waiting := app.wantRunning(t, "waiting")[0]
		time.Sleep(time.Hour) // on the clock of the test: who waits for an answer and not for a slot goes on waiting
		app.wantNoResult(t)
		waiting.answer <- "bob"
		for range 2 {
			if result := <-app.results; !strings.HasSuffix(result, "ing: bob") {
				t.Error(result)
			}
		}
		waiting.release()
		wantIdle(t, queue)
	})
}

func TestKnownSessionsKeepHalf(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		queue := mustMakeQueue(t, Limits{Concurrent: 4, PerClient: 4, Waiting: 100, Timeout: time.Second})
		app := newApplication()
		for i := range 4 {
			app.call(t.Context(), queue, "stranger"+strconv.Itoa(i), Query{Key: key(fmt.Sprint("x", i))})
		}
		strangers := app.wantRunning(t, "stranger0 stranger1")
		for i := range 3 {
			app.call(t.Context(), queue, "known"+strconv.Itoa(i), Query{Key: key(fmt.Sprint("k", i)), Known: true})
		}
		known := app.wantRunning(t, "known0 known1")

		// What a stranger gives back is anyone's whose turn it is.
		strangers[0].release()
		next := app.wantRunning(t, "stranger2")
		strangers[1].release()
		next = append(next, app.wantRunning(t, "stranger3")...)
		known[0].release()
		next = append(next, app.wantRunning(t, "known2")...)
		for _, q := range append(append(strangers, known...), next...) {
			q.answer <- "done"
			q.release()
		}
		synctest.Wait()
		wantIdle(t, queue)
	})
}

// TestSessionBecomesKnown: a question that waits moves to the better class with a caller who knows more.
func TestSessionBecomesKnown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		queue := mustMakeQueue(t, Limits{Concurrent: 2, PerClient: 4, Waiting: 100, Timeout: time.Second})
		app := newApplication()
		app.call(t.Context(), queue, "first", Query{Key: key("1")})
		app.call(t.Context(), queue, "second", Query{Key: key("2")})
		app.wantRunning(t, "first")[0].answer <- "done"
		app.call(t.Context(), queue, "informed", Query{Key: key("2"), Known: true})
		app.wantRunning(t, "second")[0].answer <- "done"
	})
}

func TestOneSlotIsEnough(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		queue := mustMakeQueue(t, Limits{Concurrent: 1, PerClient: 1, Waiting: 1, Timeout: time.Second})
		app := newApplication()
		app.call(t.Context(), queue, "stranger", Query{Key: key("1")})
		app.call(t.Context(), queue, "known", Query{Key: key("2"), Known: true})
		stranger := app.wantRunning(t, "stranger")[0]
		stranger.release()
		stranger.answer <- "done"
		app.wantRunning(t, "known")[0].answer <- "done"
	})
}

func TestOneClientGetsTwo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		queue := mustMakeQueue(t, Limits{Concurrent: 20, PerClient: 2, Waiting: 100, Timeout: time.Second})
		app := newApplication()
		for i, client := range []string{
			"192.0.2.1", "[::ffff:192.0.2.1]:80", "192.0.2.1:443",
			"2001:db8::1", "2001:db8::2%eth0", "2001:db8:0:0:ffff::3", "2001:db8:0:1::1",
			"", "@", "",
		} {
			app.call(t.Context(), queue, strconv.Itoa(i), Query{Key: key(strconv.Itoa(i)), Known: true, Client: client})
		}
		running := app.wantRunning(t, "0 1 3 4 6 7 8 9")
		running[1].release()
		third := app.wantRunning(t, "2")
		running[2].release()
		for _, q := range append(append(running, third...), app.wantRunning(t, "5")...) {
			q.answer <- "done"
			q.release()
		}
		synctest.Wait()
		wantIdle(t, queue)
	})
}

// A crowd is told of once many sessions of one client wait because of its limit, and for no other reason.
func TestCrowd(t *testing.T) {
	for name, c := range map[string]struct {
		client  func(i int) string
		session func(i int) string
		limits  Limits
		want    bool
	}{
		"one client":   {want: true},
		"no address":   {client: func(int) string { return "" }},
		"many clients": {client: func(i int) string { return fmt.Sprint("192.0.2.", i) }},
		"one session":  {session: func(int) string { return "s" }},
		"all slots":    {limits: Limits{Concurrent: 2, PerClient: 3, Waiting: 100, Timeout: time.Second}},
		"no room":      {limits: Limits{Concurrent: 8, PerClient: 2, Waiting: Crowd - 1, Timeout: time.Second}, want: true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				if c.limits == (Limits{}) {
					c.limits = Limits{Concurrent: 8, PerClient: 2, Waiting: 100, Timeout: time.Second}
				}
				queue, app := mustMakeQueue(t, c.limits), newApplication()
				var crowds []int
				for i := range Crowd + 2 {
					client, session := "192.0.2.1", strconv.Itoa(i)
					if c.client != nil {
						client = c.client(i)
					}
					if c.session != nil {
						session = c.session(i)
					}
					app.call(t.Context(), queue, session, Query{
						Key: key(session), Known: true, Client: client, Crowded: func(waiting int) { crowds = append(crowds, waiting) },
					})
				}
				if c.want && (len(crowds) != 1 || crowds[0] != Crowd) || !c.want && len(crowds) > 0 {
					t.Errorf("told of %v", crowds)
				}
				time.Sleep(c.limits.Timeout) // on the clock of the test: who waits gives up
				for running := app.running(); len(running) > 0; running = app.running() {
					for _, q := range running {
						q.answer <- "done"
						q.release()
					}
				}
				synctest.Wait()
				wantIdle(t, queue)
			})
		})
	}
}

// TestNextCallerAsks: while nothing was asked yet, a question is that of the first caller who is still there.
func TestNextCallerAsks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		queue := mustMakeQueue(t, Limits{Concurrent: 8, PerClient: 1, Waiting: 100, Timeout: time.Second})
		app := newApplication()
		app.call(t.Context(), queue, "busy", Query{Key: key("1"), Client: "192.0.2.1"})
		ctx, cancel := context.WithCancel(t.Context())
		app.call(ctx, queue, "first", Query{Key: key("2"), Client: "192.0.2.1"})
		app.call(t.Context(), queue, "second", Query{Key: key("2"), Client: "192.0.2.2"})
		lone, leave := context.WithCancel(t.Context())
		app.call(lone, queue, "lone", Query{Key: key("3"), Client: "192.0.2.1"})
		busy := app.wantRunning(t, "busy")[0]
		cancel()
		app.wantResult(t, "first: context canceled")
		second := app.wantRunning(t, "second")[0]
		leave()
		app.wantResult(t, "lone: context canceled")
		busy.release()
		app.wantRunning(t, "")
		busy.answer <- "done"
		app.wantResult(t, "busy: done")
		second.answer <- "alice"
		app.wantResult(t, "second: alice")
		second.release()
		wantIdle(t, queue)
	})
}

func TestWaitingEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		queue := mustMakeQueue(t, Limits{Concurrent: 1, PerClient: 9, Waiting: 100, Timeout: 2 * time.Second})
		app := newApplication()
		app.call(t.Context(), queue, "running", Query{Key: key("1")})
		app.call(t.Context(), queue, "early", Query{Key: key("2")})
		time.Sleep(time.Second)
		app.call(t.Context(), queue, "late", Query{Key: key("2")})
		time.Sleep(time.Second)
		app.wantResult(t, "early: "+ErrBusy.Error())
		running := app.wantRunning(t, "running")[0]
		running.release()
		late := app.wantRunning(t, "late")[0]
		time.Sleep(time.Hour)
		app.wantNoResult(t)
		late.answer <- "alice"
		app.wantResult(t, "late: alice")
		late.release()
		running.answer <- "done"
		app.wantResult(t, "running: done")
		wantIdle(t, queue)
	})
}

func TestRoomIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		queue := mustMakeQueue(t, Limits{Concurrent: 1, PerClient: 1, Waiting: 3, Timeout: time.Second})
		app := newApplication()
		busy := ": " + ErrBusy.Error()
		app.call(t.Context(), queue, "running", Query{Key: key("0")})
		for i := range 3 {
			app.call(t.Context(), queue, "a"+strconv.Itoa(i), Query{Key: key(fmt.Sprint("a", i)), Client: "192.0.2.1"})
		}
		app.call(t.Context(), queue, "a3", Query{Key: key("a3"), Client: "192.0.2.1"})
		app.wantResult(t, "a3"+busy)
		app.call(t.Context(), queue, "b0", Query{Key: key("b0"), Client: "192.0.2.2"})
		app.wantResult(t, "a2"+busy)
		app.call(t.Context(), queue, "b1", Query{Key: key("b1"), Client: "192.0.2.2"})
		app.wantResult(t, "b1"+busy) // two of a, one of b: nothing to gain
		app.call(t.Context(), queue, "k0", Query{Key: key("k0"), Known: true})
		app.wantResult(t, "a1"+busy)
		app.call(t.Context(), queue, "k1", Query{Key: key("k1"), Known: true})
		app.wantResult(t, "b0"+busy)
		app.call(t.Context(), queue, "k2", Query{Key: key("k0"), Known: true})
		app.wantResult(t, "a0"+busy)
		app.call(t.Context(), queue, "k3", Query{Key: key("k3"), Known: true})
		app.wantResult(t, "k3"+busy)
		app.wantNoResult(t)

		running := app.wantRunning(t, "running")[0]
		running.answer <- "done"
		running.release()
		app.wantResult(t, "running: done")
		for _, name := range []string{"k0", "k1"} {
			q := app.wantRunning(t, name)[0]
			q.answer <- "done"
			q.release()
		}
		synctest.Wait()
		wantIdle(t, queue)
	})
}

func TestAskThatPanics(t *testing.T) {
	queue := mustMakeQueue(t, DefaultLimits())
	for name, ask := range map[string]func(func()) string{
		"panic":           func(func()) string { panic("secret") },
		"panic after":     func(release func()) string { release(); panic(nil) },
		"ended goroutine": func(func()) string { runtime.Goexit(); return "" },
	} {
		t.Run(name, func(t *testing.T) {
			result, err := queue.Do(t.Context(), Query{Key: key("s1")}, ask)
			var panicked *PanicError
			if result != "" || !errors.As(err, &panicked) || len(panicked.Stack) == 0 {
				t.Fatalf("%q, %v", result, err)
			}
			if strings.Contains(err.Error(), "secret") {
				t.Error(err)
			}
			wantIdle(t, queue)
		})
	}
}

func TestNewQueueRefuses(t *testing.T) {
	for _, limits := range []Limits{
		{}, {0, 1, 1, 1}, {1, 0, 1, 1}, {1, 1, 0, 1}, {1, 1, 1, 0}, {-1, 1, 1, 1},
	} {
		if queue, err := NewQueue[string](limits); err == nil || queue != nil {
			t.Errorf("%+v is accepted", limits)
		}
	}
}

// TestQueueUnderLoad is for the race detector.
func TestQueueUnderLoad(t *testing.T) {
	queue := mustMakeQueue(t, Limits{Concurrent: 4, PerClient: 2, Waiting: 20, Timeout: time.Minute})
	var callers sync.WaitGroup
	for i := range 100 {
		callers.Go(func() {
			random := rand.New(rand.NewPCG(1, uint64(i)))
			for range 50 {
				id := strconv.Itoa(random.IntN(10))
				ctx, cancel := context.WithCancel(t.Context())
				if random.IntN(3) == 0 {
					cancel()
				}
				client := fmt.Sprintf("192.0.2.%d", random.IntN(5))
				query := Query{Key: key(id), Known: random.IntN(2) == 0, Client: client}
				result, err := queue.Do(ctx, query, func(release func()) string {
					go release()
					return id
				})
				if err == nil && result != id {
					t.Errorf("got the answer of %s for %s", result, id)
				}
				cancel()
			}
		})
	}
	callers.Wait()
	for {
		queue.mutex.Lock()
		running := queue.running
		queue.mutex.Unlock()
		if running == 0 {
			break
		}
		runtime.Gosched()
	}
	wantIdle(t, queue)
}

// TestQueueKeepsItsLimits lets callers come and go in any order, and checks the limits after each step, and that nobody
// waits who could run.
func TestQueueKeepsItsLimits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		// In a struct, since a bubble has no deadline to ask for.
		rapid.Check(struct{ rapid.TB }{t}, func(t *rapid.T) {
			limits := Limits{
				Concurrent: rapid.IntRange(1, 5).Draw(t, "concurrent"),
				PerClient:  rapid.IntRange(1, 3).Draw(t, "per client"),
				Waiting:    rapid.IntRange(1, 6).Draw(t, "waiting"),
				Timeout:    time.Second,
			}
			queue, err := NewQueue[string](limits)
			if err != nil {
				t.Fatal(err)
			}
			app := newApplication()
			ctx, cancel := context.WithCancel(context.Background())
			defer cancel()
			var running []*question
			var leave []context.CancelFunc
			calls, results := 0, 0
			step := func() {
				running = append(running, app.running()...)
				for len(app.results) > 0 {
					<-app.results
					results++
				}
				checkLimits(t, queue, len(running))
			}
			t.Repeat(map[string]func(*rapid.T){
				"come": func(t *rapid.T) {
					query := Query{
						Key:    key(strconv.Itoa(rapid.IntRange(1, 8).Draw(t, "session"))),
						Known:  rapid.Bool().Draw(t, "known"),
						Client: rapid.SampledFrom([]string{"", "192.0.2.1", "192.0.2.2"}).Draw(t, "client"),
					}
					own, gone := context.WithCancel(ctx)
					leave = append(leave, gone)
					app.call(own, queue, "caller", query)
					calls++
				},
				"leave": func(t *rapid.T) {
					if len(leave) > 0 {
						leave[rapid.IntRange(0, len(leave)-1).Draw(t, "who")]()
					}
				},
				"finish": func(t *rapid.T) {
					if len(running) > 0 {
						i := rapid.IntRange(0, len(running)-1).Draw(t, "which")
						running[i].answer <- "done"
						running[i].release()
						running = append(running[:i:i], running[i+1:]...)
					}
				},
				"wait": func(*rapid.T) { time.Sleep(limits.Timeout / 2) },
				"":     func(*rapid.T) { step() },
			})
			for len(running) > 0 {
				running[0].answer <- "done"
				running[0].release()
				running = running[1:]
				step()
			}
			if results != calls {
				t.Errorf("%d calls, %d results", calls, results)
			}
			wantIdle(t, queue)
			for _, gone := range leave {
				gone()
			}
		})
	})
}

func checkLimits(t *rapid.T, queue *Queue[string], running int) {
	queue.mutex.Lock()
	defer queue.mutex.Unlock()
	if queue.running != running || running > queue.limits.Concurrent || queue.unknown > max(1, queue.limits.Concurrent/2) ||
		len(queue.callers) > queue.limits.Waiting {
		t.Errorf("%d running (counted as %d), %d unknown, %d waiting; limits %+v", running, queue.running, queue.unknown,
			len(queue.callers), queue.limits)
	}
	for network, count := range queue.clients {
		if network.IsValid() && count > queue.limits.PerClient {
			t.Errorf("%d running for one client", count)
		}
	}
	for _, queued := range queue.waiting {
		if queue.admits(queued) {
			t.Error("a question waits that could run")
		}
		if queued.running || queue.flights[queued.key] != queued || len(queued.callers) == 0 {
			t.Error("a question in the queue is not one that waits")
		}
	}
}
