package redisstore

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/redis/rueidis"
	"go.uber.org/zap"

	"github.com/caddy-jwt-session/caddy-jwt-session/blacklist"
	"github.com/caddy-jwt-session/caddy-jwt-session/storage"
)

const (
	// logKept is for how long the server keeps an entry of the log. A gateway that was cut off for longer is told everything anew.
	logKept = time.Hour
	// expiredKept is for how long the server keeps an entry that has expired: clocks differ.
	expiredKept = time.Hour
	// silentKept is for how long a gateway that says nothing is listed.
	silentKept = time.Hour
	// droppedAtOnce is how many expired entries one heartbeat drops.
	droppedAtOnce = 500
)

// identity says which gateway this is.
type identity struct {
	id, host string
	started  time.Time
}

func newIdentity(now time.Time) identity {
	host, _ := os.Hostname() // "" where it has no name
	return identity{id: rand.Text(), host: host, started: now}
}

// newEpoch returns a name for a store that begins.
func newEpoch() string { return rand.Text() }

// report is what a gateway says of itself, in milliseconds.
type report struct {
	Host    string `json:"host"`
	Started int64  `json:"started"`
	Lag     int64  `json:"lag"`
}

// beacon tells the server and others that this gateway is there.
type beacon struct{ replica *replica }

// beatUntil sends a heartbeat every second until ctx is done.
func (b beacon) beatUntil(ctx context.Context) {
	ticker := time.NewTicker(beatEvery)
	defer ticker.Stop()
	for {
		if _, trusted, _ := b.replica.standing.now(); trusted {
			b.beatOnce(ctx)
		}
		// When it knew everything is read first: all of that is in the queue of the copy by then, or saved.
		state := b.replica.link.state()
		if b.replica.copy.saved() {
			b.replica.file.write(state.Synced, b.replica.latest.Load())
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
	}
}

// beatOnce sends a heartbeat, and notes whether the server takes writes.
func (b beacon) beatOnce(ctx context.Context) {
	err := b.beat(ctx)
	writes := err == nil || isOutOfStep(err)
	if b.replica.link.writes.Swap(writes) && !writes && ctx.Err() == nil {
		b.replica.logger.Warn("the server that the gateways share takes no writes: nothing can be revoked", zap.Error(reason(err)))
	}
	if isOutOfStep(err) {
		b.replica.distrust()
	}
}

// beat tells the server that this gateway is there, and lets it clean up.
func (b beacon) beat(ctx context.Context) error {
	said := report{Host: b.replica.gateway.host, Started: b.replica.gateway.started.UnixMilli()}
	if lag, known := b.replica.link.lag(b.replica.now()); known {
		said.Lag = lag.Milliseconds()
	}
	text, err := json.Marshal(said)
	if err != nil {
		return err
	}
	latest := ""
	if known := b.replica.latest.Load(); known != 0 {
		latest = strconv.FormatInt(known, 10)
	}
	names := append(b.replica.client.keys.journal(), b.replica.client.keys.gateways())
	asked := time.Now()
	answer, err := b.replica.client.run(ctx, beatScript, names, []string{
		b.replica.client.joined(), b.replica.gateway.id, string(text), latest, inSeconds(logKept), inSeconds(expiredKept), inSeconds(silentKept),
		strconv.Itoa(droppedAtOnce),
	}).AsStrSlice()
	if err != nil {
		return err
	}
	if len(answer) != 2 {
		return errAnswer
	}
	now, err := strconv.ParseInt(answer[1], 10, 64)
	if err != nil {
		return errAnswer
	}
	b.replica.note(answer[0])
	b.replica.client.clock.note(asked, time.UnixMilli(now))
	return nil
}

func inSeconds(duration time.Duration) string {
	return strconv.FormatInt(int64(duration/time.Second), 10)
}

// signOff takes this gateway off the list.
func (b beacon) signOff(ctx context.Context) error {
	return b.replica.client.do(ctx, func(command rueidis.Builder) rueidis.Completed {
		return command.Hdel().Key(b.replica.client.keys.gateways()).Field(b.replica.gateway.id).Build()
	}).Error()
}

// gateways returns the gateways that have been there lately.
func (b beacon) gateways(ctx context.Context) ([]storage.Gateway, error) {
	all, err := b.replica.client.do(ctx, func(command rueidis.Builder) rueidis.Completed {
		return command.Hgetall().Key(b.replica.client.keys.gateways()).Build()
	}).AsStrMap()
	if err != nil {
		return nil, unavailable(blacklist.ErrUnavailable, "reading the list of gateways", err)
	}
	list := make([]storage.Gateway, 0, len(all))
	for id, text := range all {
		gateway, err := parseGateway(id, text)
		if err != nil {
			return nil, unavailable(blacklist.ErrUnavailable, "reading the list of gateways", err)
		}
		gateway.Self = id == b.replica.gateway.id
		list = append(list, gateway)
	}
	slices.SortFunc(list, func(a, b storage.Gateway) int {
		return cmp.Or(strings.Compare(a.Host, b.Host), a.Started.Compare(b.Started), strings.Compare(a.ID, b.ID))
	})
	return list, nil
}

// parseGateway reads what the list has of a gateway: when it was seen, by the server's clock, and its report.
func parseGateway(id, text string) (storage.Gateway, error) {
	seen, said, _ := strings.Cut(text, " ")
	milliseconds, err := strconv.ParseInt(seen, 10, 64)
	var parsed report
	if err != nil || json.Unmarshal([]byte(said), &parsed) != nil {
		return storage.Gateway{}, errAnswer
	}
	return storage.Gateway{
		ID: id, Host: parsed.Host, Started: time.UnixMilli(parsed.Started), Seen: time.UnixMilli(milliseconds),
		Lag: time.Duration(parsed.Lag) * time.Millisecond,
	}, nil
}
