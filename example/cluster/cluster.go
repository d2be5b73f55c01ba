package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"
)

// cluster is the example once all of it runs.
type cluster struct {
	address  string // of the front
	server   *server
	members  []*member
	timeline *timeline
	maxStale time.Duration
}

// close ends the gateways, all at once, and then the server.
func (c *cluster) close() error {
	ended := make(chan error)
	for _, member := range c.members {
		go func() { ended <- member.stop() }()
	}
	var failures []error
	for range c.members {
		failures = append(failures, <-ended)
	}
	return errors.Join(append(failures, c.server.stop())...)
}

// startMembers starts the gateways, all at once, and waits until they serve and have reached the server.
func (c *cluster) startMembers(ctx context.Context) error {
	started := make(chan error)
	for _, member := range c.members {
		go func() {
			err := member.start(ctx)
			if err == nil {
				err = member.waitForLink(ctx)
			}
			started <- err
		}()
	}
	var failures []error
	for range c.members {
		failures = append(failures, <-started)
	}
	return errors.Join(failures...)
}

// revoke ends all sessions and tokens of a user, at the admin API of one gateway.
func (c *cluster) revoke(ctx context.Context, at *member, user string) error {
	body, err := json.Marshal(map[string]string{"user": user})
	if err != nil {
		return fmt.Errorf("revoking a user: %w", err)
	}
	url := "http://" + at.config.Admin + "/jwt_session/revocations"
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("revoking a user: %w", err)
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return fmt.Errorf("revoking a user: %w", err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("revoking a user: %s answers %s", at.name, response.Status)
	}
	return nil
}

// memberView is what the page shows of a gateway.
type memberView struct {
	Number         int
	Name           string
	Address, Admin string
	State          state
	Up             bool
	Link           string // what it says of the server, and how the page shows that
	LinkStyle      string
	Lag            string
	Served         int64
}

// linkTime is how long the page waits for a gateway to say how it is connected.
const linkTime = 500 * time.Millisecond

// views returns what the page shows of all gateways.
func (c *cluster) views(ctx context.Context) []memberView {
	ctx, cancel := context.WithTimeout(ctx, linkTime)
	defer cancel()
	views := make([]memberView, len(c.members))
	done := make(chan struct{})
	for i, member := range c.members {
		go func() {
			defer func() { done <- struct{}{} }()
			views[i] = viewOf(ctx, i+1, member)
		}()
	}
	for range c.members {
		<-done
	}
	return views
}

func viewOf(ctx context.Context, number int, of *member) memberView {
	view := memberView{
		Number: number, Name: of.name, Address: of.config.Listen, Admin: of.config.Admin,
		State: of.state(), Served: of.served.Load(), Link: "unknown", LinkStyle: "none", Lag: "unknown",
	}
	view.Up = view.State != stateKilled
	if view.State != stateRunning {
		return view
	}
	known, err := of.link(ctx)
	switch {
	case err != nil:
		return view
	case known.connected:
		view.Link, view.LinkStyle = "connected", "running"
	default:
		view.Link, view.LinkStyle = "cut off", "killed"
	}
	view.Lag = lagText(known.lag)
	return view
}

// serverView is what the page shows of the server.
type serverView struct {
	Name, Address string
	State         state
	Up            bool
}

func viewOfServer(of *server) serverView {
	view := serverView{Name: of.name(), Address: of.address, State: stateKilled, Up: of.running()}
	if view.Up {
		view.State = stateRunning
	}
	return view
}

// lagText writes a lag as the page shows it.
func lagText(lag time.Duration) string {
	if lag < 0 {
		return "never connected"
	}
	if lag < 10*time.Second {
		return fmt.Sprintf("%.1f s", lag.Seconds())
	}
	return fmt.Sprintf("%.0f s", lag.Seconds())
}
