package redisstore

import (
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/rueidis"
	"go.uber.org/zap"
)

// Between two attempts to reach a server that was never reached there is a pause, which grows from the least to the
// longest.
const (
	leastPause   = 50 * time.Millisecond
	longestPause = time.Second
)

// client talks to the server. It connects when it is first used, and again by itself. Its methods are safe for concurrent
// use.
type client struct {
	option  rueidis.ClientOption
	keys    keys
	timeout time.Duration // for one call
	// exchanged is called, from any goroutine, when an answer shows that the server does not hold the store that was joined. It
	// must not wait for anything. It is set before the client is used.
	exchanged func()
	observer  *observer
	clock     serverClock

	server atomic.Pointer[rueidis.Client] // nil: never reached
	epoch  atomic.Pointer[string]         // nil: not joined

	mu      sync.Mutex
	attempt *attempt // the last one, nil if there is none
	pause   time.Duration
	next    time.Time // of the next attempt
	closed  bool
}

// attempt is one attempt to reach the server. Its other fields are set when done is closed.
type attempt struct {
	done   chan struct{}
	server rueidis.Client
	err    error
}

// newClient returns a client. It does not connect.
func newClient(option rueidis.ClientOption, keys keys, timeout time.Duration) *client {
	option.DisableCache = true
	option.Dialer.Timeout = timeout
	option.ConnWriteTimeout = timeout
	option.ReadBufferEachConn, option.WriteBufferEachConn = 1<<16, 1<<16 // for each of a few connections
	option.RetryDelay = retryDelay
	option.Sentinel.Dialer.Timeout = timeout
	if option.Sentinel.MasterSet != "" {
		option.Sentinel.TopologyRefreshInterval = time.Second // a missed message must not bind us to a master that was
	}
	return &client{option: option, keys: keys, timeout: timeout, exchanged: func() {}, observer: newObserver(zap.NewNop(), "")}
}

// retryDelay says when a command that may be repeated is sent again after its connection broke: at once, and once more a
// little later. So a call does not fail because the server was restarted since the last one.
func retryDelay(attempts int, _ rueidis.Completed, _ error) time.Duration {
	switch attempts {
	case 1:
		return 0
	case 2:
		return 10 * time.Millisecond
	default:
		return -1
	}
}

// connected returns the connections to the server. It makes them if there are none yet.
func (c *client) connected(ctx context.Context) (rueidis.Client, error) {
	if server := c.server.Load(); server != nil {
		return *server, nil
	}
	attempt, err := c.connect()
	if err != nil {
		return nil, err
	}
	select {
	case <-attempt.done:
		return attempt.server, attempt.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// connect returns the attempt that is under way, or that has failed a moment ago, or else begins one.
func (c *client) connect() (*attempt, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return nil, errClosed
	}
	if c.attempt != nil {
		select {
		case <-c.attempt.done:
			if c.attempt.err == nil || time.Now().Before(c.next) {
				return c.attempt, nil
			}
		default:
			return c.attempt, nil
		}
	}
	c.attempt = &attempt{done: make(chan struct{})}
	go c.reach(c.attempt)
	return c.attempt, nil
}

// reach tries to connect.
func (c *client) reach(attempt *attempt) {
	server, err := c.dial()
	c.mu.Lock()
	defer c.mu.Unlock()
	defer close(attempt.done)
	switch {
	case err != nil:
		attempt.err = err
		c.pause = min(max(2*c.pause, leastPause), longestPause)
		c.next = time.Now().Add(c.pause/2 + rand.N(c.pause/2))
	case c.closed:
		attempt.err = errClosed
		go server.Close()
	default:
		attempt.server = server
		c.server.Store(&server)
	}
}

// dial connects and looks whether the server is one that the gateway can use.
func (c *client) dial() (rueidis.Client, error) {
	server, err := newServer(c.option)
	if err == nil {
		if err = c.inspect(server); err != nil {
			server.Close()
		}
	}
	if err != nil {
		c.observer.fails(err)
	}
	return server, err
}

// newServer connects. Sentinels may want the same user and password as the server that they watch, or none.
func newServer(option rueidis.ClientOption) (rueidis.Client, error) {
	server, err := rueidis.NewClient(option)
	refused, _ := errors.AsType[*refusal](reason(err))
	if option.Sentinel.MasterSet != "" && refused != nil && refused.code == "NOAUTH" {
		option.Sentinel.Username, option.Sentinel.Password = option.Username, option.Password
		server, err = rueidis.NewClient(option)
	}
	if err != nil {
		return nil, err
	}
	return server, nil
}

// inspect tells the observer what is wrong with how the server runs. It returns an error if the server can't be used.
func (c *client) inspect(server rueidis.Client) error {
	ctx, cancel := context.WithTimeout(context.Background(), c.timeout)
	defer cancel()
	info, appendfsync, err := inspect(ctx, server, c.keys)
	if _, refused := rueidis.IsRedisErr(err); refused {
		return nil // it may not be asked
	}
	if err != nil {
		return err
	}
	c.observer.warns(info.warnings(appendfsync))
	return info.checkVersion()
}

// inspectAgain inspects a server after its connection was lost. It may be another one, or run in another way.
func (c *client) inspectAgain() {
	if server := c.server.Load(); server != nil {
		if err := c.inspect(*server); err != nil {
			c.observer.fails(err)
		}
	}
}

// do sends one command and returns the answer, within the client's timeout.
func (c *client) do(ctx context.Context, command func(rueidis.Builder) rueidis.Completed) rueidis.RedisResult {
	return c.call(ctx, func(ctx context.Context, server rueidis.Client) rueidis.RedisResult {
		return server.Do(ctx, command(server.B()))
	})
}

// run runs a script and returns its answer, within the client's timeout.
func (c *client) run(ctx context.Context, script *script, keys, args []string) rueidis.RedisResult {
	result := c.call(ctx, func(ctx context.Context, server rueidis.Client) rueidis.RedisResult {
		return script.runInTime(ctx, &c.clock, server, keys, args)
	})
	if errors.Is(reason(result.Error()), errExchanged) {
		c.exchanged()
	}
	return result
}

// call asks the server within the client's timeout. Whose time it is that is over shows in the error.
func (c *client) call(ctx context.Context, ask func(context.Context, rueidis.Client) rueidis.RedisResult) rueidis.RedisResult {
	limited, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	server, err := c.connected(limited)
	var result rueidis.RedisResult
	if err == nil {
		result = ask(limited, server)
		err = result.NonRedisError()
		if err == nil && result.Error() != nil {
			c.observer.fails(result.Error())
		}
	}
	if err != nil {
		return rueidis.NewErrorResult(whose(ctx, err))
	}
	return result
}

// whose returns the error of a call: that of the caller's ctx if it is done, and errTimeout if the time of the call is over.
func whose(ctx context.Context, err error) error {
	deadline, limited := ctx.Deadline()
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case !errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, os.ErrDeadlineExceeded):
		return err
	case limited && !time.Now().Before(deadline): // ctx itself may notice a little later than the connection
		return context.DeadlineExceeded
	default:
		return errTimeout
	}
}

// read returns the values of the keys.
func (c *client) read(ctx context.Context, names ...string) ([]rueidis.RedisMessage, error) {
	values, err := c.do(ctx, func(b rueidis.Builder) rueidis.Completed {
		return b.Mget().Key(names...).Key(c.keys.epoch()).Build()
	}).ToArray()
	if err != nil {
		return nil, err
	}
	if len(values) != len(names)+1 {
		return nil, errAnswer
	}
	epoch, err := values[len(names)].ToString()
	if err != nil && !rueidis.IsRedisNil(err) {
		return nil, err
	}
	return values[:len(names)], c.checkEpoch(epoch)
}

// change runs a script whose first argument is the epoch, and that returns whether it did what it is for.
func (c *client) change(ctx context.Context, script *script, keys, arguments []string) (bool, error) {
	if arguments[0] == "" {
		return false, errNotJoined
	}
	done, err := c.run(ctx, script, keys, arguments).AsInt64()
	return done == 1, err
}

// join makes the epoch the one that every answer must show from now on.
func (c *client) join(epoch string) { c.epoch.Store(&epoch) }

// joined returns the epoch of the store that was joined, or "".
func (c *client) joined() string {
	if epoch := c.epoch.Load(); epoch != nil {
		return *epoch
	}
	return ""
}

// checkEpoch returns an error unless the epoch, which came with an answer, is that of the store that was joined. "" is none.
func (c *client) checkEpoch(epoch string) error {
	switch joined := c.joined(); {
	case joined == "":
		return errNotJoined
	case epoch != joined:
		c.exchanged()
		return errExchanged
	default:
		return nil
	}
}

// close ends all connections. Calls that are under way end with an error.
func (c *client) close() {
	c.mu.Lock()
	c.closed = true
	server := c.server.Load()
	c.mu.Unlock()
	if server != nil {
		(*server).Close()
	}
}
