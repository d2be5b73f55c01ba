// Package eventpoll receives security event tokens by polling (RFC 8936).
//
// An event is acknowledged to the provider only after it was handled. What was handled and not acknowledged yet when the poll
// ends, the provider sends once more to the next one; the caller knows it by its id.
package eventpoll

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"time"

	"github.com/go-json-experiment/json"
)

const (
	// maxEvents is how many events are asked for at once.
	maxEvents = 50
	// maxAnswer is the size of the largest answer that is read, in bytes.
	maxAnswer = 2 << 20
	// answerTime is how long the provider may take for an answer. It may wait until there is an event.
	answerTime = 2 * time.Minute
	// longestPause bounds the pause after failures.
	longestPause = 5 * time.Minute
	// leastPause is the least time between two questions.
	leastPause = 10 * time.Millisecond
)

// Refusal is why an event is not accepted (RFC 8935 section 2.4). It is sent to the provider.
type Refusal struct {
	Code        string `json:"err"`
	Description string `json:"description"`
}

// ErrRetry is returned, wrapped, for an event that could not be handled now. The provider sends it once more.
var ErrRetry = errors.New("the event could not be handled")

// Options are the options of [Run].
type Options struct {
	// URL is the address of the stream. It is required.
	URL string
	// Authorization is the value of the header of that name. Empty: none is sent.
	Authorization string
	// Interval is how long to wait after an answer without events. It is required.
	Interval time.Duration
	// Handle handles one event token. A nil refusal and a nil error mean that the event is to be acknowledged. An error that wraps
	// [ErrRetry] means that it must not be. It is required.
	Handle func(ctx context.Context, id, token string) (*Refusal, error)
	// Report is called with the error of each round that failed. It is required.
	Report func(error)
	// Client sends the requests. It must not follow redirects. It is required.
	Client *http.Client
}

// Run polls the stream until ctx is done.
func Run(ctx context.Context, options Options) {
	p := poller{Options: options}
	for ctx.Err() == nil {
		pause, err := p.round(ctx)
		if err != nil && ctx.Err() == nil {
			options.Report(err)
		}
		timer := time.NewTimer(max(pause, leastPause))
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
		}
	}
}

// poller is the state of one stream.
type poller struct {
	Options

	handled  []string           // to be acknowledged
	refused  map[string]Refusal // to be told
	failures int                // in a row
}

type question struct {
	Acknowledged      []string           `json:"ack,omitempty"`
	Refused           map[string]Refusal `json:"setErrs,omitempty"`
	MaxEvents         int                `json:"maxEvents"`
	ReturnImmediately bool               `json:"returnImmediately"`
}

type answer struct {
	Events map[string]string `json:"sets"`
	More   bool              `json:"moreAvailable"`
}

// round asks once and handles what came. It returns how long to wait before the next round.
func (p *poller) round(ctx context.Context) (time.Duration, error) {
	got, err := p.ask(ctx)
	if err != nil {
		return p.failed(), err
	}
	p.handled, p.refused = nil, nil
	retry := error(nil)
	for id, token := range got.Events {
		refusal, err := p.Handle(ctx, id, token)
		switch {
		case err != nil:
			retry = fmt.Errorf("%w: %w", ErrRetry, err)
		case refusal != nil:
			if p.refused == nil {
				p.refused = make(map[string]Refusal)
			}
			p.refused[id] = *refusal
		default:
			p.handled = append(p.handled, id)
		}
	}
	if retry != nil {
		return p.failed(), retry
	}
	p.failures = 0
	if len(got.Events) > 0 || got.More {
		return 0, nil // at once, to acknowledge them
	}
	return p.Interval, nil
}

// failed notes a failure and returns how long to wait: twice as long with each one, and not at the same time as others.
func (p *poller) failed() time.Duration {
	p.failures++
	pause := min(max(p.Interval, time.Second)<<min(p.failures-1, 10), longestPause)
	return pause/2 + rand.N(pause/2+1)
}

// ask sends one question (RFC 8936 section 2.4).
func (p *poller) ask(ctx context.Context) (answer, error) {
	ctx, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	body, err := json.Marshal(question{Acknowledged: p.handled, Refused: p.refused, MaxEvents: maxEvents})
	if err != nil {
		return answer{}, err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, p.URL, bytes.NewReader(body))
	if err != nil {
		return answer{}, errors.New("the address of the stream is no URL")
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Accept", "application/json")
	if p.Authorization != "" {
		request.Header.Set("Authorization", p.Authorization)
	}
	response, err := p.Client.Do(request)
	if err != nil {
		return answer{}, fmt.Errorf("polling for events: %w", err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return answer{}, fmt.Errorf("polling for events: status %d, want 200", response.StatusCode)
	}
	text, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer+1))
	if err != nil {
		return answer{}, fmt.Errorf("polling for events: %w", err)
	}
	var got answer
	if len(text) > maxAnswer || json.Unmarshal(text, &got) != nil {
		return answer{}, errors.New("polling for events: the answer is no JSON of RFC 8936, or too large")
	}
	return got, nil
}
