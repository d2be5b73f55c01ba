package diagnosis

import (
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/caddy-jwt-session/caddy-jwt-session/sessions"
	"github.com/caddy-jwt-session/caddy-jwt-session/sessions/whoami"
)

var start = time.Unix(1_800_000_000, 0)

func hash(n int) sessions.Hash { return sessions.HashOf(strconv.Itoa(n)) }

func TestUnnamedIsSaidOnce(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		page Page
		want int
	}{
		{Page{Reason: whoami.NotFound}, 3},
		{Page{Reason: whoami.NoMatch, Miss: whoami.NotJSON}, 3},
		{Page{Reason: whoami.NoMatch, Miss: whoami.NoSuchPath}, 5},
		{Page{Reason: whoami.NoMatch}, 10},
		{Page{Reason: whoami.NobodyValue}, 10},
		{Page{Reason: whoami.Redirected}, 10},
		{Page{Reason: whoami.Refused, Miss: whoami.NotJSON}, 10},
	} {
		var f Findings
		for range 100 { // the same one over and over is one
			if got := f.Unnamed(hash(0), test.page, start); got != 0 {
				t.Errorf("%v: said of one session", test.page)
			}
		}
		for n := 1; n < 50; n++ {
			want := 0
			if n == test.want-1 {
				want = test.want
			}
			if got := f.Unnamed(hash(n), test.page, start); got != want {
				t.Errorf("%v: %d said at session %d, want %d", test.page, got, n, want)
			}
		}
	}
}

// What has worked once is in doubt no more.
func TestWhatWorksIsNotInDoubt(t *testing.T) {
	t.Parallel()
	var f Findings
	f.PageNames()
	for n := range 50 {
		if f.Unnamed(hash(n), Page{Reason: whoami.NotFound}, start) != 0 || f.Cookies([]string{"PHPSESSID"}, start) != nil || f.Refused("/login", true, start) {
			t.Fatal("a finding where the page has named a user")
		}
	}
	f = Findings{}
	f.HasSession()
	for range 50 {
		if f.Cookies([]string{"PHPSESSID"}, start) != nil || f.Refused("/page", true, start) {
			t.Fatal("a finding where a session cookie has come")
		}
	}
	f = Findings{}
	f.Ended()
	for range 50 {
		if f.EndedUnseen(start, start.Add(time.Minute), 0) != 0 {
			t.Fatal("a finding where an end was noticed")
		}
	}
	f = Findings{}
	f.SignsIn()
	for range 50 {
		if f.Refused("/login", true, start) || f.Cookies([]string{"PHPSESSID"}, start) != nil {
			t.Fatal("a finding where somebody was signed in")
		}
	}
}

func TestAgainCountsAnew(t *testing.T) {
	t.Parallel()
	var f Findings
	now := start
	for range 2 {
		for n := range 4 {
			if f.Unnamed(hash(n), Page{Reason: whoami.NoMatch, Miss: whoami.NoSuchPath}, now) != 0 || n < 2 && f.Cookies([]string{"sid"}, now) != nil {
				t.Fatal("said too early")
			}
		}
		if f.Unnamed(hash(4), Page{Reason: whoami.NoMatch}, now) != 0 {
			t.Fatal("a page that may be for nobody is said of too early")
		}
		if f.Unnamed(hash(5), Page{Reason: whoami.NoMatch, Miss: whoami.NoSuchPath}, now) == 0 || f.Cookies([]string{"sid"}, now) == nil ||
			!f.Refused("/login", false, now) {
			t.Fatal("not said")
		}
		f.Again(now)
		now = now.Add(59 * time.Second)
		for n := range 50 { // for a minute nothing is counted that may be no mistake
			if f.Unnamed(hash(n), Page{Reason: whoami.NoMatch}, now) != 0 || f.Cookies([]string{"sid"}, now) != nil || f.Refused("/login", false, now) {
				t.Fatal("said too soon")
			}
		}
		now = now.Add(time.Second)
	}
	f.Again(now)
	for n := range 3 {
		if got := f.Unnamed(hash(n), Page{Reason: whoami.NotFound}, now); (got == 3) != (n == 2) {
			t.Errorf("a page that can name nobody: %d at %d", got, n)
		}
	}
}

func TestCookies(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		names    string
		requests int // after how many it is said; 0: never
		want     string
	}{
		{"PHPSESSID", 3, "PHPSESSID"},
		{"csrftoken sessionid", 3, "sessionid csrftoken"},
		{"_ga connect.sid theme", 3, "connect.sid"},
		{".AspNetCore.Cookies", 3, ".AspNetCore.Cookies"},
		{"basket", 200, "basket"},
		{"_ga _gid _ga_AB12 _fbp", 0, ""},
		{"_hjSession_1 _hjSessionUser_1", 0, ""},
		{"", 0, ""},
		{strings.Repeat("sid", 100), 3, strings.Repeat("sid", 13) + "s..."},
		{"sid\x01\xff", 3, "sid??"},
		{"a b c d e f g h i j k l m", 200, "a b c d e f g h"},
	} {
		var f Findings
		said := 0
		for n := 1; n <= 500; n++ {
			names := strings.Fields(test.names)
			got := f.Cookies(names, start)
			if got == nil {
				continue
			}
			if said != 0 {
				t.Errorf("%q: said twice", test.names)
			}
			if said = n; strings.Join(got, " ") != test.want {
				t.Errorf("%q: said %q, want %q", test.names, got, test.want)
			}
		}
		if said != test.requests {
			t.Errorf("%q: said at request %d, want %d", test.names, said, test.requests)
		}
	}
}

func TestEndedUnseen(t *testing.T) {
	t.Parallel()
	var f Findings
	var said []int
	for _, end := range []struct{ at, unused time.Duration }{
		{0, time.Hour}, {0, 6 * time.Minute}, {0, -time.Second}, // an application makes these itself; a clock that was set back
		{time.Minute, time.Minute}, {90 * time.Second, 0}, {119 * time.Second, 0}, // together they are one
		{2 * time.Minute, 5 * time.Minute}, {5 * time.Minute, 0}, {6 * time.Minute, 0},
	} {
		now := start.Add(end.at)
		said = append(said, f.EndedUnseen(now.Add(-end.unused), now, time.Minute))
	}
	if want := []int{0, 0, 0, 0, 0, 0, 0, 3, 0}; !slices.Equal(said, want) {
		t.Errorf("said %v, want %v", said, want)
	}
}

func TestShared(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		sessions []int
		minutes  []int
		want     int // at which change it is said, from 1; 0: never
	}{
		"one change":              {[]int{0}, []int{0}, 0},
		"two of one session":      {[]int{0, 0}, []int{0, 1}, 2},
		"once":                    {[]int{0, 0, 0, 0}, []int{0, 1, 2, 3}, 2},
		"two sessions":            {[]int{0, 1}, []int{0, 1}, 0},
		"among others":            {[]int{0, 1, 2, 0}, []int{0, 1, 2, 3}, 4},
		"too far apart":           {[]int{0, 0}, []int{0, 61}, 0},
		"then near enough":        {[]int{0, 0, 0}, []int{0, 61, 62}, 3},
		"a clock that was turned": {[]int{0, 0}, []int{10, 0}, 0},
	} {
		var f Findings
		said := 0
		for i, session := range test.sessions {
			if f.Shared(hash(session), start.Add(time.Duration(test.minutes[i])*time.Minute)) {
				if said != 0 {
					t.Errorf("%s: said twice", name)
				}
				said = i + 1
			}
		}
		if said != test.want {
			t.Errorf("%s: said at %d, want %d", name, said, test.want)
		}
	}
}

func TestWhatIsKeptIsBounded(t *testing.T) {
	t.Parallel()
	var f Findings
	for n := range 10_000 {
		f.Shared(hash(n), time.Unix(0, 0))
		f.mutex.Lock()
		f.cookies.said = false
		f.mutex.Unlock()
		f.Cookies([]string{"c" + strconv.Itoa(n)}, start)
		f.Unnamed(hash(n), Page{Reason: whoami.NoMatch}, start)
	}
	if len(f.shared.changes) > maxShared || len(f.cookies.names) > maxNames || len(f.pages.sessions) > enoughPlain {
		t.Errorf("%d sessions, %d names, %d pages", len(f.shared.changes), len(f.cookies.names), len(f.pages.sessions))
	}
}

func TestRefused(t *testing.T) {
	t.Parallel()
	for path, want := range map[string]bool{
		"/login": true, "/Login": true, "/users/sign_in": true, "/sign-in/": true, "/wp-login.php": true, "/account/login/": true,
		"/login.jsp": true, "/Account/Login": true, "/": false, "/page": false, "/blogin": false, "/loginhelp": false, "": false,
		"/logout": false,
	} {
		var f Findings
		if got := f.Refused(path, false, start); got != want {
			t.Errorf("%s: said %v", path, got)
		}
		if f.Refused(path, false, start) {
			t.Errorf("%s: said twice", path)
		}
	}
	var f Findings
	var said []bool
	for range 5 {
		said = append(said, f.Refused("/page", true, start))
	}
	if want := []bool{false, false, true, false, false}; !slices.Equal(said, want) {
		t.Errorf("where no page is open: %v, want %v", said, want)
	}
}

func TestIsNavigation(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		method, mode, accept string
		want                 bool
	}{
		{"GET", "navigate", "*/*", true},
		{"GET", "", "text/html,application/xhtml+xml", true},
		{"GET", "cors", "text/html", false},
		{"GET", "no-cors", "image/png", false},
		{"GET", "", "application/json", false},
		{"GET", "", "", false},
		{"POST", "navigate", "text/html", false},
	} {
		r := httptest.NewRequest(test.method, "/", nil)
		if test.mode != "" {
			r.Header.Set("Sec-Fetch-Mode", test.mode)
		}
		if test.accept != "" {
			r.Header.Set("Accept", test.accept)
		}
		if got := IsNavigation(r); got != test.want {
			t.Errorf("%v: %v", test, got)
		}
	}
}

func TestFindingsInParallel(t *testing.T) {
	t.Parallel()
	var f Findings
	var all sync.WaitGroup
	var mutex sync.Mutex
	said := 0
	for n := range 40 {
		all.Go(func() {
			got := f.Unnamed(hash(n), Page{Reason: whoami.NoMatch}, start) != 0
			f.Cookies([]string{"sid"}, start)
			f.EndedUnseen(start, start, 0)
			f.Shared(hash(n%3), time.Unix(0, 0))
			f.Refused("/x", true, start)
			mutex.Lock()
			defer mutex.Unlock()
			if got {
				said++
			}
		})
	}
	all.Wait()
	if said != 1 {
		t.Errorf("said %d times", said)
	}
}
