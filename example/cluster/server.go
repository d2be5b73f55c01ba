package main

import (
	"bufio"
	"context"
	"crypto/rand"
	_ "embed"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"
)

// serverPrograms are the servers that the example can start, the first that is installed.
var serverPrograms = []string{"valkey-server", "redis-server"}

// Settings that containers use, too. The launcher adds the port and the directory.
var (
	//go:embed valkey.conf
	serverSettings string
	//go:embed users.acl
	serverUsers string
)

// How long a server may take to answer, and to stop before it is killed.
const (
	serverTimeout     = 20 * time.Second
	serverStopTimeout = 10 * time.Second
	serverDialTimeout = time.Second
)

// server is the Redis or Valkey that the gateways share. Its methods may be called from several goroutines.
type server struct {
	program, dir, address string
	password              string // of the gateways
	operator              string // the password of whoever may empty the server

	mu     sync.Mutex
	child  *exec.Cmd // nil: it was never started
	exited chan struct{}
}

// findServer returns the path of the program, or of the first that is installed if none is named.
func findServer(named string) (string, error) {
	programs := serverPrograms
	if named != "" {
		programs = []string{named}
	}
	for _, program := range programs {
		if path, err := exec.LookPath(program); err == nil {
			return path, nil
		}
	}
	return "", fmt.Errorf("finding a server: neither of %s is in PATH; install one (Debian: apt-get install valkey-server or "+
		"redis-server, macOS: brew install valkey), or name one with --server", strings.Join(programs, ", "))
}

// newServer writes the settings of a server that will keep its data in the directory.
func newServer(program, dir, address string) (*server, error) {
	s := &server{program: program, dir: dir, address: address, password: rand.Text(), operator: rand.Text()}
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, fmt.Errorf("reading the server's address: %w", err)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("making the server's directory: %w", err)
	}
	settings := fmt.Sprintf("%s\nbind 127.0.0.1\nport %s\ndir %q\naclfile %q\n", serverSettings, port, dir, filepath.Join(dir, "users.acl"))
	users := strings.ReplaceAll(serverUsers, "PASSWORD", s.password) + "user operator on >" + s.operator + " ~* +ping +info +flushall\n"
	for name, text := range map[string]string{"server.conf": settings, "users.acl": users} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			return nil, fmt.Errorf("writing the server's settings: %w", err)
		}
	}
	return s, nil
}

// name is the name of the program.
func (s *server) name() string { return filepath.Base(s.program) }

// start starts the server and waits until it answers.
func (s *server) start(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.isUp() {
		return errors.New("starting the server: it runs already")
	}
	logPath := filepath.Join(s.dir, "server.log")
	log, err := os.OpenFile(logPath, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return fmt.Errorf("opening the server's log: %w", err)
	}
	defer log.Close()
	child := exec.Command(s.program, filepath.Join(s.dir, "server.conf"))
	child.Stdout, child.Stderr = log, log
	if err := child.Start(); err != nil {
		return fmt.Errorf("starting the server: %w", err)
	}
	exited := make(chan struct{})
	go func() {
		_ = child.Wait() // a killed one has an error, and was meant to
		close(exited)
	}()
	s.child, s.exited = child, exited
	return s.waitUntilReady(ctx, exited, logPath)
}

func (s *server) waitUntilReady(ctx context.Context, exited <-chan struct{}, log string) error {
	ctx, cancel := context.WithTimeout(ctx, serverTimeout)
	defer cancel()
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	for s.say(ctx, "PING") != nil {
		select {
		case <-ctx.Done():
			return fmt.Errorf("starting the server: it does not answer: %w; its log is %s", ctx.Err(), log)
		case <-exited:
			text, _ := os.ReadFile(log) // the end of it, if there is one, is all that is known
			return fmt.Errorf("starting the server: %s has ended; its log ends with:\n%s", s.name(), text[max(0, len(text)-600):])
		case <-ticker.C:
		}
	}
	return nil
}

// isUp reports whether the process is there. The caller holds the lock.
func (s *server) isUp() bool {
	if s.child == nil {
		return false
	}
	select {
	case <-s.exited:
		return false
	default:
		return true
	}
}

func (s *server) running() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.isUp()
}

// kill ends the server as a power cut would.
func (s *server) kill() error { return s.end(syscall.SIGKILL) }

// stop ends the server in order.
func (s *server) stop() error { return s.end(syscall.SIGTERM) }

func (s *server) end(by syscall.Signal) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.isUp() {
		return nil
	}
	if err := s.child.Process.Signal(by); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("stopping the server: %w", err)
	}
	timer := time.NewTimer(serverStopTimeout)
	defer timer.Stop()
	select {
	case <-s.exited:
		return nil
	case <-timer.C:
		_ = s.child.Process.Kill()
		<-s.exited
		return fmt.Errorf("stopping the server: it was killed after %s", serverStopTimeout)
	}
}

// empty removes everything that the server keeps, as somebody might by mistake.
func (s *server) empty(ctx context.Context) error { return s.say(ctx, "FLUSHALL") }

// say sends one command without arguments, and returns an error unless the answer is good.
func (s *server) say(ctx context.Context, command string) error {
	dialer := net.Dialer{Timeout: serverDialTimeout}
	connection, err := dialer.DialContext(ctx, "tcp", s.address)
	if err != nil {
		return fmt.Errorf("asking the server: %w", err)
	}
	defer connection.Close()
	if err := connection.SetDeadline(time.Now().Add(serverDialTimeout)); err != nil {
		return fmt.Errorf("asking the server: %w", err)
	}
	if _, err := fmt.Fprintf(connection, "AUTH operator %s\r\n%s\r\n", s.operator, command); err != nil {
		return fmt.Errorf("asking the server: %w", err)
	}
	answers := bufio.NewReader(connection)
	for range 2 {
		if line, err := answers.ReadString('\n'); err != nil {
			return fmt.Errorf("asking the server: %w", err)
		} else if !strings.HasPrefix(line, "+") {
			return fmt.Errorf("asking the server: it answers %q", strings.TrimSpace(line))
		}
	}
	return nil
}
