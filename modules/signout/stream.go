package signout

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/caddy-jwt-session/caddy-jwt-session/internal/eventpoll"
	"github.com/caddy-jwt-session/caddy-jwt-session/internal/telemetry"
)

// polls are the streams that a configuration polls. They end with it, and before its store is given back.
type polls struct {
	ctx   context.Context //nolint:containedctx // it lives as long as the configuration
	stop  context.CancelFunc
	group *sync.WaitGroup
	urls  map[string]bool // that are polled
}

func newPolls() polls {
	ctx, stop := context.WithCancel(context.Background())
	return polls{ctx: ctx, stop: stop, group: new(sync.WaitGroup), urls: make(map[string]bool)}
}

// close stops polling and waits until nothing is being carried out.
func (p *polls) close() {
	p.stop()
	p.group.Wait()
}

func errPolled(url string) error {
	return fmt.Errorf("poll %s: another jwt_session_signout polls it; what comes there counts in every realm", url)
}

// checkPolls returns an error if another block polls a stream of this one.
func (g *group) checkPolls(block *SignOut) error {
	for _, other := range g.blocks {
		for _, stream := range block.streams {
			if other != block && slices.ContainsFunc(other.streams, func(one Poll) bool { return one.URL == stream.URL }) {
				return errPolled(stream.URL)
			}
		}
	}
	return nil
}

// poll begins to poll a stream for a block. It returns at once.
func (g *group) poll(block *SignOut, stream Poll) error {
	if g.polls.urls[stream.URL] {
		return errPolled(stream.URL)
	}
	g.polls.urls[stream.URL] = true
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxResponseHeaderBytes = 64 << 10
	options := eventpoll.Options{
		URL: stream.URL, Authorization: stream.Authorization, Interval: time.Duration(stream.Interval),
		Client: &http.Client{
			Transport: transport,
			// An address that redirects is not the one that was configured.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
		Handle: func(ctx context.Context, _, token string) (*eventpoll.Refusal, error) {
			return g.takePolled(ctx, block, token)
		},
		Report: func(err error) {
			block.warn("poll: the stream of security events can't be read; it is tried again", zap.String("url", stream.URL), zap.Error(err))
		},
	}
	g.polls.group.Go(func() {
		defer transport.CloseIdleConnections()
		eventpoll.Run(g.polls.ctx, options)
	})
	return nil
}

// takePolled carries out one event of a stream. An event that was carried out before is acknowledged once more.
func (g *group) takePolled(ctx context.Context, block *SignOut, token string) (*eventpoll.Refusal, error) {
	outcome, err := g.deliver(ctx, block, telemetry.SignOutByPoll, verifyEvents, token)
	switch {
	case err == nil || outcome == again:
		return nil, nil
	case outcome == failed:
		return nil, err
	default:
		why := refusalOf(err)
		return &eventpoll.Refusal{Code: why.Code, Description: why.Description}, nil
	}
}
