package issuer

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/caddy-jwt-session/caddy-jwt-session/validator"
)

// Defaults of [Options].
const (
	// DefaultUserClaim is the claim that names the user. A provider gives its value to one user and never to another.
	DefaultUserClaim = "sub"
	// DefaultLeeway is how far the clock of a provider may differ.
	DefaultLeeway = 30 * time.Second
	// DefaultRefreshMin is the default of [Options.RefreshMin].
	DefaultRefreshMin = time.Minute
	// DefaultStaleMax is the default of [Options.StaleMax].
	DefaultStaleMax = 24 * time.Hour
)

// ErrUnavailable is returned, wrapped with the reason, if the provider has not answered, or if its last answer is too old.
var ErrUnavailable = errors.New("the identity provider has not answered")

// Options are the options of a [Provider].
type Options struct {
	// Issuer is the provider's name and the address of its metadata. It is required.
	Issuer string
	// KeysURL is the address of the keys. If it is empty, the metadata name it.
	KeysURL string
	// RefreshMin is the least time between two questions for the sake of unknown keys, and the longest time between two
	// attempts after failures. 0 means [DefaultRefreshMin].
	RefreshMin time.Duration
	// StaleMax is how long keys are used after they were last fetched. 0 means [DefaultStaleMax].
	StaleMax time.Duration
	// Before is a provider that was opened earlier. It may be closed, and it may be nil. If it has the same Issuer and
	// KeysURL, its last answer is used until the new provider has one of its own.
	Before *Provider
	// Now returns the time. If it is nil, [time.Now] is used.
	Now func() time.Time
	// Report is called with the error of each attempt that failed, by a goroutine of the provider. It may be nil.
	Report func(error)
	// Transport carries the requests. If it is nil, the provider has a transport of its own.
	Transport http.RoundTripper
}

func (o Options) withDefaults() Options {
	if o.RefreshMin <= 0 {
		o.RefreshMin = DefaultRefreshMin
	}
	if o.StaleMax <= 0 {
		o.StaleMax = DefaultStaleMax
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Report == nil {
		o.Report = func(error) {}
	}
	return o
}

// Provider is one identity provider. Its methods are safe for concurrent use.
type Provider struct {
	options Options
	client  client

	ctx     context.Context // ends with Close
	stop    context.CancelFunc
	stopped chan struct{}

	first    sync.Once
	answered chan struct{} // closed with the first answer
	patient  time.Time     // until when those who come wait for the first answer

	mutex    sync.Mutex
	schedule schedule
	fetched  published
	flight   *flight // under way; nil: none is
}

// published is what the provider published when it was last asked with success.
type published struct {
	keys     *validator.ProviderKeys
	metadata Metadata // zero where the address of the keys is configured
}

// flight is one question to the provider, which all who come meanwhile wait for.
type flight struct {
	done chan struct{}
	err  error // stands once done is closed
}

// firstAnswerTimeout is how long after [Open] its first answer is waited for. A gateway and its provider that are started
// together find each other within this time.
const firstAnswerTimeout = 5 * time.Second

// Open returns a provider and asks it in the background until it is closed. Open waits for nothing.
func Open(options Options) *Provider {
	options, before := options.withDefaults(), options.Before
	options.Before = nil // and so not the one before that
	ctx, stop := context.WithCancel(context.Background())
	provider := &Provider{
		options: options, client: newClient(options.Transport), ctx: ctx, stop: stop, stopped: make(chan struct{}),
		answered: make(chan struct{}), patient: time.Now().Add(firstAnswerTimeout),
		schedule: schedule{refreshMin: options.RefreshMin, staleMax: options.StaleMax},
	}
	if before != nil && before.options.Issuer == options.Issuer && before.options.KeysURL == options.KeysURL {
		before.mutex.Lock()
		provider.fetched, provider.schedule.succeeded = before.fetched, before.schedule.succeeded
		before.mutex.Unlock()
	}
	go provider.keepFresh()
	return provider
}

// Close ends the questions in the background, including the one that is under way. What was fetched stays in use.
func (p *Provider) Close() error {
	p.stop()
	<-p.stopped
	p.client.http.CloseIdleConnections()
	return nil
}

// Keys returns the keys of the provider. If there are none yet and a question is under way, Keys waits for the answer. In the
// first seconds after [Open], Keys waits for the first answer, however often the provider must be asked. The error wraps
// [ErrUnavailable].
func (p *Provider) Keys(ctx context.Context) (*validator.ProviderKeys, error) {
	fetched, err := p.current(ctx)
	return fetched.keys, err
}

// Metadata returns the metadata of the provider. It waits and fails as [Provider.Keys] does. The metadata are zero if
// [Options.KeysURL] is set.
func (p *Provider) Metadata(ctx context.Context) (Metadata, error) {
	fetched, err := p.current(ctx)
	return fetched.metadata, err
}

func (p *Provider) current(ctx context.Context) (published, error) {
	p.mutex.Lock()
	fetched, fresh, under, asked := p.fetched, p.schedule.isFresh(p.options.Now()), p.flight, !p.schedule.succeeded.IsZero()
	p.mutex.Unlock()
	if fresh {
		return fetched, nil
	}
	if !asked && p.awaitFirst(ctx) {
		return p.current(ctx)
	}
	if under == nil {
		return published{}, ErrUnavailable
	}
	if err := under.wait(ctx); err != nil {
		return published{}, err
	}
	p.mutex.Lock()
	defer p.mutex.Unlock()
	return p.fetched, nil
}

// awaitFirst waits for the first answer of the provider, for as long as it is due, and reports whether it came.
func (p *Provider) awaitFirst(ctx context.Context) bool {
	timer := time.NewTimer(time.Until(p.patient))
	defer timer.Stop()
	select {
	case <-p.answered:
		return true
	case <-timer.C:
	case <-ctx.Done():
	case <-p.ctx.Done():
	}
	return false
}

// Refresh asks the provider for the sake of a token that names an unknown key, and returns the keys. It asks at most once in
// [Options.RefreshMin]. The error wraps [ErrUnavailable]: then it is not known whether there is such a key.
func (p *Provider) Refresh(ctx context.Context) (*validator.ProviderKeys, error) {
	p.mutex.Lock()
	under := p.flight
	if under == nil && p.schedule.mayAskForUnknown(p.options.Now()) {
		p.schedule.unknown = p.options.Now()
		under = p.start()
	}
	p.mutex.Unlock()
	if under != nil {
		if err := under.wait(ctx); err != nil {
			return nil, err
		}
	}
	p.mutex.Lock()
	defer p.mutex.Unlock()
	if p.schedule.failures > 0 || !p.schedule.isFresh(p.options.Now()) {
		return nil, ErrUnavailable
	}
	return p.fetched.keys, nil
}

func (f *flight) wait(ctx context.Context) error {
	select {
	case <-f.done:
		return f.err
	case <-ctx.Done():
		return fmt.Errorf("%w: the client left", ErrUnavailable)
	}
}

// start asks the provider. It is called with the lock held and where no question is under way.
func (p *Provider) start() *flight {
	under := &flight{done: make(chan struct{})}
	p.flight = under
	go func() {
		fetched, err := p.fetch()
		p.mutex.Lock()
		p.schedule = p.schedule.attempt(p.options.Now(), err)
		if err == nil {
			p.fetched = fetched
			p.first.Do(func() { close(p.answered) })
		} else {
			under.err = fmt.Errorf("%w: %w", ErrUnavailable, err)
		}
		p.flight = nil
		p.mutex.Unlock()
		if err != nil && p.ctx.Err() == nil {
			p.options.Report(fmt.Errorf("asking identity provider %s: %w", p.options.Issuer, err))
		}
		close(under.done)
	}()
	return under
}

// fetch asks for the keys, and before that for the metadata if these name the address of the keys.
func (p *Provider) fetch() (published, error) {
	ctx, cancel := context.WithTimeout(p.ctx, fetchTimeout)
	defer cancel()
	var fetched published
	address := p.options.KeysURL
	if address == "" {
		var err error
		if fetched.metadata, err = p.client.discover(ctx, p.options.Issuer); err != nil {
			return published{}, err
		}
		address = fetched.metadata.KeysURL
	}
	text, err := p.client.fetch(ctx, address)
	if err != nil {
		return published{}, fmt.Errorf("fetching keys: %w", err)
	}
	fetched.keys, _, err = validator.ReadProviderKeys(text)
	return fetched, err
}

// keepFresh asks the provider whenever it is due.
func (p *Provider) keepFresh() {
	defer close(p.stopped)
	for p.ctx.Err() == nil {
		under, wait := p.due()
		if under != nil {
			<-under.done // soon, at the latest with Close
			continue
		}
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-p.ctx.Done():
			timer.Stop()
		}
	}
}

// longestWait bounds how long the clock is not looked at: it may be set.
const longestWait = 10 * time.Second

// due returns the question that is under way, and starts one if it is time. Otherwise it returns how long to wait.
func (p *Provider) due() (*flight, time.Duration) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	if p.flight != nil {
		return p.flight, 0
	}
	wait := p.schedule.next().Sub(p.options.Now())
	if wait <= 0 {
		return p.start(), 0
	}
	return nil, min(wait, longestWait)
}
