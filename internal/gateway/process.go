package gateway

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

// How often a starting gateway is asked whether it is ready, and how long a stopping one may take before it is killed.
const (
	readyInterval = 50 * time.Millisecond
	stopTimeout   = 15 * time.Second
)

// Config says what to run and where. All but Variables is required.
type Config struct {
	Binary    string // the program that Build compiled
	Caddyfile string // path of the configuration
	Dir       string // directory for everything that the gateway writes; made where it is missing

	Listen string // "host:port" for visitors; the Caddyfile gets GATEWAY_HOST and GATEWAY_PORT
	Admin  string // "host:port" of the admin API; the Caddyfile gets ADMIN_ADDRESS
	App    string // "host:port" of the application; the Caddyfile gets APP_ADDRESS

	Variables map[string]string // what else the Caddyfile gets
}

// Process is a gateway that runs. Its methods may be called from several goroutines.
type Process struct {
	command *exec.Cmd
	admin   string
	log     string
	exited  chan struct{}
	err     error // what ended the process; read after exited is closed
}

// Start starts a gateway. It returns as soon as the process exists: [Process.Ready] waits for its first answer.
func Start(config Config) (*Process, error) {
	environment, err := config.environment()
	if err != nil {
		return nil, err
	}
	process := &Process{
		command: exec.Command(config.Binary, "run", "--config", config.Caddyfile, "--adapter", "caddyfile"),
		admin:   config.Admin,
		log:     filepath.Join(config.Dir, "gateway.log"),
		exited:  make(chan struct{}),
	}
	log, err := os.OpenFile(process.log, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return nil, fmt.Errorf("opening the gateway's log: %w", err)
	}
	defer log.Close()
	process.command.Env = environment
	process.command.Stdout, process.command.Stderr = log, log
	if err := process.command.Start(); err != nil {
		return nil, fmt.Errorf("starting the gateway: %w", err)
	}
	go func() {
		process.err = process.command.Wait()
		close(process.exited)
	}()
	return process, nil
}

// environment makes the directories and returns the child's environment. A value that comes later wins in os/exec.
func (c Config) environment() ([]string, error) {
	host, port, err := net.SplitHostPort(c.Listen)
	if err != nil {
		return nil, fmt.Errorf("reading the address to listen on: %w", err)
	}
	dir, err := filepath.Abs(c.Dir)
	if err != nil {
		return nil, fmt.Errorf("reading directory %q: %w", c.Dir, err)
	}
	environment := os.Environ()
	for variable, name := range map[string]string{
		"HOME": "home", "XDG_CONFIG_HOME": "config", "XDG_DATA_HOME": "data", "XDG_CACHE_HOME": "cache",
	} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(path, 0o700); err != nil {
			return nil, fmt.Errorf("making the gateway's directory: %w", err)
		}
		environment = append(environment, variable+"="+path)
	}
	for variable, value := range c.Variables {
		environment = append(environment, variable+"="+value)
	}
	return append(environment,
		"GATEWAY_HOST="+host, "GATEWAY_PORT="+port, "ADMIN_ADDRESS="+c.Admin, "APP_ADDRESS="+c.App), nil
}

// Ready waits until the gateway has loaded its configuration and serves it. It asks the admin API, so that the
// application sees nothing of it. Where the gateway went down instead the error is that of [Process.Err].
func (p *Process) Ready(ctx context.Context) error {
	ticker := time.NewTicker(readyInterval)
	defer ticker.Stop()
	for !p.serves(ctx) {
		select {
		case <-ctx.Done():
			return fmt.Errorf("waiting for the gateway: %w", ctx.Err())
		case <-p.exited:
			if err := p.Err(); err != nil {
				return err
			}
			return errors.New("starting the gateway: it ended before it was ready")
		case <-ticker.C:
		}
	}
	return nil
}

// serves reports whether a configuration is loaded: before that the admin API is silent or answers null.
func (p *Process) serves(ctx context.Context) bool {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+p.admin+"/config/", nil)
	if err != nil {
		return false
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return false
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	return err == nil && response.StatusCode == http.StatusOK && !bytes.Equal(bytes.TrimSpace(body), []byte("null"))
}

// Exited is closed when the process has ended.
func (p *Process) Exited() <-chan struct{} { return p.exited }

// Err returns nil where the process ended in order, else how it ended and the end of its log. It must be called only
// when [Process.Exited] is closed.
func (p *Process) Err() error {
	if p.err == nil {
		return nil
	}
	return fmt.Errorf("running the gateway: %w; its log ends with:\n%s", p.err, p.LogTail(12))
}

// Stop asks the process to end, waits for it, and kills it where it does not. It returns an error where the process did
// not end in order now; of one that had ended before, [Process.Err] tells.
func (p *Process) Stop() error {
	select {
	case <-p.exited:
		return nil
	default:
	}
	// Windows has no such signal: there the process is killed.
	if err := p.command.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		_ = p.command.Process.Kill()
	}
	timer := time.NewTimer(stopTimeout)
	defer timer.Stop()
	select {
	case <-p.exited:
		// Ended by a signal is ended by ours: Caddy had not yet got as far as to handle it.
		if exit, ok := errors.AsType[*exec.ExitError](p.err); ok && exit.ExitCode() == -1 {
			return nil
		}
		return p.Err()
	case <-timer.C:
		_ = p.command.Process.Kill()
		<-p.exited
		return fmt.Errorf("stopping the gateway: it was killed after %s", stopTimeout)
	}
}

// Kill ends the process at once, as a power cut would, and waits until it is gone. [Process.Err] is an error then.
func (p *Process) Kill() error {
	if err := p.command.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("killing the gateway: %w", err)
	}
	<-p.exited
	return nil
}

// Log returns the path of the file that the gateway logs to.
func (p *Process) Log() string { return p.log }

// LogTail returns the last lines of the log.
func (p *Process) LogTail(count int) string {
	text, err := os.ReadFile(p.log)
	if err != nil {
		return err.Error()
	}
	lines := slices.Collect(strings.Lines(string(text)))
	return strings.Join(lines[max(0, len(lines)-count):], "")
}
