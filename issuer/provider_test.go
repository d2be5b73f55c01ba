package issuer

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/caddy-jwt-session/caddy-jwt-session/validator"
)

const testIssuer = "https://id.example/realm"

// One public key under two ids; the provider changes from the first to the second.
const (
	firstKeys  = `{"keys":[{"kty":"OKP","crv":"Ed25519","alg":"EdDSA","use":"sig","kid":"first","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}`
	secondKeys = `{"keys":[{"kty":"OKP","crv":"Ed25519","alg":"EdDSA","use":"sig","kid":"second","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}`
)

// advance moves the clock. Inside of synctest.Test time stands still until everybody waits, and then jumps: nothing is slept.
func advance(d time.Duration) { time.Sleep(d) }

// site is a provider's web site without a network, so that time is the test's own.
type site struct {
	mutex          sync.Mutex
	metadata, keys string
	down           bool
	asked          int // for keys or, while it is down, for anything
	hold           chan struct{}
}

// set changes one of the site's fields while it may be asked.
func set[T any](s *site, field *T, value T) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	*field = value
}

// count returns how often it was asked.
func (s *site) count() int {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return s.asked
}

func (s *site) RoundTrip(r *http.Request) (*http.Response, error) {
	s.mutex.Lock()
	hold := s.hold
	s.mutex.Unlock()
	if hold != nil {
		select {
		case <-hold:
		case <-r.Context().Done():
			return nil, r.Context().Err()
		}
	}
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if s.down {
		s.asked++
		return nil, errors.New("connection refused")
	}
	w := httptest.NewRecorder()
	switch r.URL.String() {
	case testIssuer + discoveryPath:
		fmt.Fprint(w, s.metadata)
	case "https://keys.example/jwks":
		s.asked++
		fmt.Fprint(w, s.keys)
	default:
		http.NotFound(w, r)
	}
	return w.Result(), nil
}

func goodSite() *site {
	return &site{keys: firstKeys, metadata: `{"issuer":"` + testIssuer + `","jwks_uri":"https://keys.example/jwks",
		"authorization_endpoint":"https://id.example/authorize","token_endpoint":"https://id.example/token",
		"authorization_response_iss_parameter_supported":true,"scopes_supported":["openid"]}`}
}

func open(t *testing.T, site *site, change func(*Options)) *Provider {
	t.Helper()
	options := Options{Issuer: testIssuer, Transport: site}
	if change != nil {
		change(&options)
	}
	provider := Open(options)
	t.Cleanup(func() {
		if err := provider.Close(); err != nil {
			t.Error(err)
		}
	})
	synctest.Wait()
	return provider
}

// knows reports whether the provider has the key with the id.
func knows(t *testing.T, provider *Provider, id string) bool {
	t.Helper()
	keys, err := provider.Keys(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return keyIn(keys, id)
}

// keyIn reports whether the keys have one with the id.
func keyIn(keys *validator.ProviderKeys, id string) bool {
	_, reason := keys.VerifyAccess(validator.TokenOf(tokenNaming(id)), validator.AccessRules{Issuer: testIssuer}, time.Now())
	return reason == validator.TokenBadSignature
}

// tokenNaming returns a text of the form of an access token that names the key.
func tokenNaming(id string) string {
	header := map[string]string{"first": "eyJhbGciOiJFZERTQSIsImtpZCI6ImZpcnN0In0", "second": "eyJhbGciOiJFZERTQSIsImtpZCI6InNlY29uZCJ9"}
	return header[id] + ".e30.AAAA"
}

func TestKeysAndMetadata(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		provider := open(t, goodSite(), nil)
		if !knows(t, provider, "first") || knows(t, provider, "second") {
			t.Error("the keys are not those of the provider")
		}
		metadata, err := provider.Metadata(t.Context())
		if err != nil || metadata.TokenEndpoint != "https://id.example/token" || !metadata.NamesIssuer {
			t.Errorf("%+v, %v", metadata, err)
		}
	})
}

func TestConfiguredKeysAddress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		site := goodSite()
		site.metadata = "not asked for"
		provider := open(t, site, func(o *Options) { o.KeysURL = "https://keys.example/jwks" })
		if !knows(t, provider, "first") {
			t.Error("no keys")
		}
	})
}

func TestKeysAreFetchedAgainInTheBackground(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		site := goodSite()
		provider := open(t, site, nil)
		set(site, &site.keys, secondKeys)
		advance(refreshEvery - time.Second)
		if !knows(t, provider, "first") {
			t.Error("the keys changed too soon")
		}
		advance(2 * longestWait)
		if !knows(t, provider, "second") || site.count() != 2 {
			t.Errorf("the keys were not fetched again; asked %d times", site.count())
		}
	})
}

func TestStaleKeysServeThroughAnOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		site := goodSite()
		var reported atomic.Int32
		provider := open(t, site, func(o *Options) { o.StaleMax = time.Hour; o.Report = func(error) { reported.Add(1) } })
		set(site, &site.down, true)
		advance(time.Hour - time.Second)
		if !knows(t, provider, "first") || reported.Load() == 0 {
			t.Errorf("the keys don't serve; %d failures reported", reported.Load())
		}
		advance(2 * time.Second)
		if keys, err := provider.Keys(t.Context()); !errors.Is(err, ErrUnavailable) || keys != nil {
			t.Errorf("the keys serve for longer than stale_max: %v", err)
		}
		set(site, &site.down, false)
		advance(time.Minute + longestWait)
		if !knows(t, provider, "first") {
			t.Error("the provider answers again, and there are no keys")
		}
	})
}

// Other options for the time don't lose the keys while the provider is down; another place for them does.
func TestWhatAnEarlierProviderWasTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		site := goodSite()
		first := open(t, site, func(o *Options) { o.StaleMax = time.Hour })
		set(site, &site.down, true)
		advance(time.Hour - time.Second)
		next := open(t, site, func(o *Options) { o.StaleMax, o.Before = 2*time.Hour, first })
		advance(time.Hour - time.Second)
		if !knows(t, next, "first") {
			t.Error("the keys are forgotten")
		}
		if metadata, err := next.Metadata(t.Context()); metadata.TokenEndpoint == "" || err != nil {
			t.Errorf("Metadata = %+v, %v", metadata, err)
		}
		advance(2 * time.Second)
		if _, err := next.Keys(t.Context()); !errors.Is(err, ErrUnavailable) {
			t.Errorf("they serve for longer than the new stale_max, counted from when they were fetched: %v", err)
		}
		for name, change := range map[string]func(*Options){
			"of another name":  func(o *Options) { o.Issuer = "https://other.example" },
			"in another place": func(o *Options) { o.KeysURL = "https://keys.example/others" },
		} {
			other := open(t, site, func(o *Options) { o.StaleMax, o.Before = 3*time.Hour, first; change(o) })
			if _, err := other.Keys(t.Context()); !errors.Is(err, ErrUnavailable) {
				t.Errorf("keys %s count: %v", name, err)
			}
		}
		set(site, &site.down, false)
		set(site, &site.keys, secondKeys)
		advance(time.Minute + longestWait)
		if knows(t, next, "first") || !knows(t, next, "second") {
			t.Error("what was taken over outlives an answer")
		}
	})
}

func TestProviderThatStartsLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		site := goodSite()
		set(site, &site.down, true)
		provider := open(t, site, nil)
		if _, err := provider.Refresh(t.Context()); !errors.Is(err, ErrUnavailable) {
			t.Errorf("got %v", err)
		}
		if _, err := provider.Keys(t.Context()); !errors.Is(err, ErrUnavailable) {
			t.Errorf("got %v", err)
		}
		set(site, &site.down, false)
		advance(3 * time.Second)
		if !knows(t, provider, "first") {
			t.Error("no keys, seconds after the provider began to answer")
		}
	})
}

// A flood of tokens with made-up keys must not become a flood of requests to the provider.
func TestUnknownKeysAskOnceInAWhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		site := goodSite()
		provider := open(t, site, nil)
		set(site, &site.keys, secondKeys)
		for range 1000 {
			keys, err := provider.Refresh(t.Context())
			if err != nil || !keyIn(keys, "second") {
				t.Fatalf("the new key was not found: %v", err)
			}
		}
		if site.count() != 2 {
			t.Errorf("asked %d times, want 2", site.count())
		}
		advance(DefaultRefreshMin)
		if _, err := provider.Refresh(t.Context()); err != nil || site.count() != 3 {
			t.Errorf("asked %d times after refresh_min, %v", site.count(), err)
		}
		set(site, &site.down, true)
		advance(DefaultRefreshMin)
		if _, err := provider.Refresh(t.Context()); !errors.Is(err, ErrUnavailable) {
			t.Errorf("whether there is such a key is not known, and the answer is %v", err)
		}
		if !knows(t, provider, "second") {
			t.Error("the keys that were known are gone")
		}
	})
}

func TestRefreshesShareOneQuestion(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		site := goodSite()
		provider := open(t, site, nil)
		set(site, &site.hold, make(chan struct{}))
		var answered atomic.Int32
		for range 100 {
			go func() {
				if _, err := provider.Refresh(context.Background()); err == nil {
					answered.Add(1)
				}
			}()
		}
		synctest.Wait()
		left, leave := context.WithCancel(t.Context())
		leave()
		if _, err := provider.Refresh(left); !errors.Is(err, ErrUnavailable) {
			t.Errorf("a client that left: %v", err)
		}
		close(site.hold)
		synctest.Wait()
		if answered.Load() != 100 || site.count() != 2 {
			t.Errorf("%d answered, asked %d times", answered.Load(), site.count())
		}
	})
}

func TestSlowProviderIsGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		site := goodSite()
		set(site, &site.hold, make(chan struct{}))
		provider := open(t, site, nil)
		began := time.Now()
		if _, err := provider.Keys(t.Context()); !errors.Is(err, ErrUnavailable) {
			t.Errorf("got %v", err)
		}
		if waited := time.Since(began); waited != fetchTimeout {
			t.Errorf("waited %s", waited)
		}
	})
}

// Close must not wait for a provider that does not answer.
func TestCloseEndsTheQuestionUnderWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		site := goodSite()
		set(site, &site.hold, make(chan struct{}))
		began := time.Now()
		provider := Open(Options{Issuer: testIssuer, Transport: site, Report: func(error) { t.Error("reported after Close") }})
		synctest.Wait()
		if err := provider.Close(); err != nil || !time.Now().Equal(began) {
			t.Errorf("closed after %s, %v", time.Since(began), err)
		}
	})
}

func TestDocumentsThatDoNotCount(t *testing.T) {
	metadata := func(issuer, keys string) string {
		return fmt.Sprintf(`{"issuer":%q,"jwks_uri":%q}`, issuer, keys)
	}
	for name, change := range map[string]func(*site){
		"another issuer":         func(s *site) { s.metadata = metadata("https://evil.example", "https://keys.example/jwks") },
		"the issuer with slash":  func(s *site) { s.metadata = metadata(testIssuer+"/", "https://keys.example/jwks") },
		"keys over plain http":   func(s *site) { s.metadata = metadata(testIssuer, "http://keys.example/jwks") },
		"keys in a file":         func(s *site) { s.metadata = metadata(testIssuer, "file:///etc/keys") },
		"no address of keys":     func(s *site) { s.metadata = `{"issuer":"` + testIssuer + `"}` },
		"metadata with two keys": func(s *site) { s.metadata = strings.Replace(s.metadata, "{", `{"issuer":"x",`, 1) },
		"metadata that are HTML": func(s *site) { s.metadata = "<html>" },
		"keys that are missing":  func(s *site) { s.metadata = metadata(testIssuer, "https://keys.example/other") },
		"keys that are HTML":     func(s *site) { s.keys = "<html>" },
		"no keys":                func(s *site) { s.keys = `{"keys":[]}` },
		"too large":              func(s *site) { s.keys = firstKeys + strings.Repeat(" ", maxDocument) },
		"a bad endpoint": func(s *site) {
			s.metadata = strings.Replace(s.metadata, "https://id.example/token", "http://id.example/token", 1)
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				site := goodSite()
				change(site)
				var reported error
				provider := open(t, site, func(o *Options) { o.Report = func(err error) { reported = err } })
				_, err := provider.Keys(t.Context())
				synctest.Wait() // for what goes on in the background
				if !errors.Is(err, ErrUnavailable) || reported == nil {
					t.Errorf("got %v, reported %v", err, reported)
				}
			})
		})
	}
}

// Over a real connection: certificates count, and an address that redirects is none.
func TestRealConnection(t *testing.T) {
	var server *httptest.Server
	server = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/moved" + discoveryPath:
			http.Redirect(w, r, server.URL+discoveryPath, http.StatusFound)
		case discoveryPath:
			fmt.Fprintf(w, `{"issuer":%q,"jwks_uri":%q}`, server.URL, server.URL+"/keys")
		default:
			fmt.Fprint(w, firstKeys)
		}
	}))
	defer server.Close()
	trusted := newTransport()
	trusted.TLSClientConfig = &tls.Config{RootCAs: x509.NewCertPool(), MinVersion: tls.VersionTLS12}
	trusted.TLSClientConfig.RootCAs.AddCert(server.Certificate())
	for name, test := range map[string]struct {
		issuer    string
		transport http.RoundTripper
		works     bool
	}{
		"trusted":     {server.URL, trusted, true},
		"not trusted": {server.URL, newTransport(), false},
		"redirected":  {server.URL + "/moved", trusted, false},
	} {
		provider := Open(Options{Issuer: test.issuer, Transport: test.transport})
		if _, err := provider.Refresh(t.Context()); (err == nil) != test.works {
			t.Errorf("%s: %v", name, err)
		}
		if err := provider.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestCheckIssuer(t *testing.T) {
	for text, good := range map[string]bool{
		"https://id.example": true, "https://id.example/realms/a": true, "http://127.0.0.1:8081": true, "http://[::1]:1/x": true,
		"http://localhost:8081": true, "http://id.example": false, "http://127.0.0.1.evil.example": false,
		"https://user:secret@id.example": false, "https://": false, "id.example": false, "": false, "ftp://localhost": false,
		"https://id.example?x": false, "https://id.example#x": false, "https://id.example/%zz": false,
	} {
		err := CheckIssuer(text)
		if (err == nil) != good {
			t.Errorf("%q: %v", text, err)
		}
		if err != nil && strings.Contains(err.Error(), "secret") {
			t.Errorf("%q: the error repeats a password: %v", text, err)
		}
	}
}

// Whoever comes as soon as the gateway listens waits for the provider's first answer, though the first questions fail; not
// for ever, and not after having left.
func TestFirstAnswerIsWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		site := goodSite()
		set(site, &site.down, true)
		provider := open(t, site, nil)
		time.AfterFunc(2*time.Second, func() { set(site, &site.down, false) })
		began := time.Now()
		if !knows(t, provider, "first") || time.Since(began) != 3*time.Second {
			t.Errorf("the keys came after %s", time.Since(began))
		}
	})
	synctest.Test(t, func(t *testing.T) {
		site := goodSite()
		set(site, &site.down, true)
		provider := open(t, site, nil)
		began := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		for i, ctx := range []context.Context{ctx, t.Context(), t.Context()} {
			if _, err := provider.Metadata(ctx); !errors.Is(err, ErrUnavailable) {
				t.Errorf("got %v", err)
			}
			if want := []time.Duration{time.Second, firstAnswerTimeout, firstAnswerTimeout}[i]; time.Since(began) != want {
				t.Errorf("waited until %s, want %s", time.Since(began), want)
			}
		}
	})
}

// Nobody is told that the provider has not answered before it was asked.
func TestFirstAnswerIsWaitedForRightAfterOpen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		site := goodSite()
		provider := Open(Options{Issuer: testIssuer, Transport: site})
		t.Cleanup(func() { _ = provider.Close() })
		if !knows(t, provider, "first") {
			t.Error("no keys")
		}
	})
}
