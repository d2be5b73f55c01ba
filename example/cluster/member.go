package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/caddy-jwt-session/caddy-jwt-session/internal/gateway"
)

// state is what a process does. Its text is what the page says.
type state string

const (
	stateKilled   state = "killed"
	stateStarting state = "starting"
	stateRunning  state = "running"
)

// member is one of the gateways. Its methods may be called from several goroutines.
type member struct {
	name   string
	config gateway.Config
	served atomic.Int64 // requests

	mu      sync.Mutex
	process *gateway.Process // nil: it was never started
	ready   bool             // the process has loaded its configuration
}

// start starts the gateway and waits until it serves.
func (m *member) start(ctx context.Context) error {
	process, err := m.launch()
	if err != nil {
		return err
	}
	if err := process.Ready(ctx); err != nil {
		return fmt.Errorf("starting %s: %w", m.name, err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.ready = m.process == process
	return nil
}

func (m *member) launch() (*gateway.Process, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.isUp() {
		return nil, fmt.Errorf("starting %s: it runs already", m.name)
	}
	process, err := gateway.Start(m.config)
	if err != nil {
		return nil, fmt.Errorf("starting %s: %w", m.name, err)
	}
	m.process, m.ready = process, false
	return process, nil
}

// isUp reports whether the process is there. The caller holds the lock.
func (m *member) isUp() bool {
	if m.process == nil {
		return false
	}
	select {
	case <-m.process.Exited():
		return false
	default:
		return true
	}
}

func (m *member) state() state {
	m.mu.Lock()
	defer m.mu.Unlock()
	switch {
	case !m.isUp():
		return stateKilled
	case !m.ready:
		return stateStarting
	}
	return stateRunning
}

// end ends the gateway: at once, as a power cut would, or in order.
func (m *member) end(how func(*gateway.Process) error) error {
	m.mu.Lock()
	process := m.process
	m.mu.Unlock()
	if process == nil {
		return nil
	}
	if err := how(process); err != nil {
		return fmt.Errorf("ending %s: %w", m.name, err)
	}
	return nil
}

func (m *member) kill() error { return m.end((*gateway.Process).Kill) }
func (m *member) stop() error { return m.end((*gateway.Process).Stop) }

// link is what a gateway says about the store that it shares.
type link struct {
	connected bool
	lag       time.Duration // negative: it was never connected
}

// Metrics in which a gateway says how it is connected.
const (
	connectedMetric = "caddy_jwt_session_store_connected"
	lagMetric       = "caddy_jwt_session_replication_lag_seconds"
)

// link asks the gateway how it is connected.
func (m *member) link(ctx context.Context) (link, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+m.config.Admin+"/metrics", nil)
	if err != nil {
		return link{}, fmt.Errorf("asking %s: %w", m.name, err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return link{}, fmt.Errorf("asking %s: %w", m.name, err)
	}
	defer response.Body.Close()
	gauges := map[string]float64{}
	lines := bufio.NewScanner(response.Body)
	for lines.Scan() {
		name, value, _ := strings.Cut(lines.Text(), " ")
		if name, _, _ = strings.Cut(name, "{"); name != connectedMetric && name != lagMetric {
			continue
		}
		if gauges[name], err = strconv.ParseFloat(strings.TrimSpace(value), 64); err != nil {
			return link{}, fmt.Errorf("reading the metric %s of %s: %w", name, m.name, err)
		}
	}
	lag, known := gauges[lagMetric]
	if !known {
		return link{}, errors.Join(fmt.Errorf("%s does not say its lag", m.name), lines.Err())
	}
	if math.IsInf(lag, 1) {
		lag = -1
	}
	return link{connected: gauges[connectedMetric] == 1, lag: time.Duration(lag * float64(time.Second))}, nil
}

// reachTimeout is how long a gateway may take to reach the server, which is there.
const reachTimeout = 30 * time.Second

// waitForLink waits until the gateway says that it is connected to the server.
func (m *member) waitForLink(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, reachTimeout)
	defer cancel()
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	for {
		known, err := m.link(ctx)
		if err == nil && known.connected {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s does not reach the server: %w; its log is %s", m.name, errors.Join(ctx.Err(), err), m.log())
		case <-ticker.C:
		}
	}
}

// log is the path of what the gateway has logged.
func (m *member) log() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.process.Log()
}
