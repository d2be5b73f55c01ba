package redistest

import (
	"bufio"
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/redis/rueidis"

	"github.com/caddy-jwt-session/caddy-jwt-session/internal/gateway/gatewaytest"
)

const (
	// readyTime is how long a server may take to start.
	readyTime = 20 * time.Second
	// askAgain is the pause between two questions whether a server is ready.
	askAgain = 5 * time.Millisecond
	// socketFile is the server's Unix socket in its directory, where the server looks for it: a whole path may be too long.
	socketFile = "socket"
)

// Settings is how a server runs. The zero value is one that everybody may use and that keeps nothing on disk.
type Settings struct {
	// Password is that of the user named default. If it is empty, he needs none.
	Password string
	// Users are lines of the ACL without the word user, such as "shop on >secret ~* +@all".
	Users []string
	// TLS makes the server speak TLS alone, with the certificate of [Server.CA].
	TLS bool
	// AppendOnly makes the server write every change to a file, and sync it before the answer.
	AppendOnly bool
	// Sentinel makes it a sentinel.
	Sentinel bool
	// More are further lines of the configuration.
	More []string
}

// Server is a server for one test. Its methods are for the test's own goroutine.
type Server struct {
	t          testing.TB
	engine     Engine
	settings   Settings
	dir        string
	port       int
	configured int // the port that the configuration has
	tls        *tls.Config
	process    *os.Process
	exited     chan struct{} // closed when the process has ended
}

// Start starts a server and returns once it answers. The server ends with the test.
func (e Engine) Start(t testing.TB, settings Settings) *Server {
	t.Helper()
	s := &Server{t: t, engine: e, settings: settings, dir: t.TempDir()}
	if settings.TLS {
		s.tls = makeCertificate(t, s.dir)
	}
	for begin := time.Now(); time.Since(begin) < readyTime; { // another program may take the port first
		s.port = freePort(t)
		if s.start() {
			break
		}
	}
	if s.process == nil {
		t.Fatalf("%s does not start:\n%s", e.Name, s.log())
	}
	t.Cleanup(s.Kill)
	return s
}

// Start starts the server again after [Server.Stop] or [Server.Kill], on the same port and with the same directory.
func (s *Server) Start() {
	s.t.Helper()
	if !s.start() {
		s.t.Fatalf("%s does not start again:\n%s", s.engine.Name, s.log())
	}
}

// start reports whether the server has started. What the server has written into its configuration stays there.
func (s *Server) start() bool {
	s.t.Helper()
	file := filepath.Join(s.dir, "server.conf")
	if _, err := os.Stat(file); err != nil || s.port != s.configured {
		s.configured = s.port
		if err := os.WriteFile(file, []byte(s.configuration()), 0o600); err != nil {
			s.t.Fatal(err)
		}
	}
	log, err := os.OpenFile(s.logFile(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		s.t.Fatal(err)
	}
	defer log.Close()
	arguments := []string{file}
	if s.settings.Sentinel {
		arguments = append(arguments, "--sentinel")
	}
	command := exec.Command(s.engine.Path, arguments...)
	command.Stdout, command.Stderr = log, log
	if err := command.Start(); err != nil {
		s.t.Fatal(err)
	}
	exited := make(chan struct{})
	go func() {
		_ = command.Wait()
		close(exited)
	}()
	s.process, s.exited = command.Process, exited
	if s.waitReady() {
		return true
	}
	s.Kill()
	return false
}

// waitReady reports whether the server answers before it ends and before the time is over.
func (s *Server) waitReady() bool {
	ticker := time.NewTicker(askAgain)
	defer ticker.Stop()
	deadline := time.After(readyTime)
	for {
		if s.isReady() {
			return true
		}
		select {
		case <-s.exited:
			return false
		case <-deadline:
			return false
		case <-ticker.C:
		}
	}
}

// isReady reports whether the server answers a PING, or says that it wants a password first.
func (s *Server) isReady() bool {
	conn, err := s.dial()
	if err != nil {
		return false
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(time.Second))
	if _, err := conn.Write([]byte("PING\r\n")); err != nil {
		return false
	}
	answer, _ := bufio.NewReader(conn).ReadString('\n')
	return strings.HasPrefix(answer, "+PONG") || strings.HasPrefix(answer, "-NOAUTH")
}

func (s *Server) dial() (net.Conn, error) {
	if s.tls != nil {
		return tls.Dial("tcp", s.Address(), s.tls)
	}
	return net.Dial("tcp", s.Address())
}

func (s *Server) configuration() string {
	lines := []string{"bind 127.0.0.1", "dir " + s.dir, "save \"\"", "shutdown-timeout 0", "unixsocket " + socketFile}
	if s.settings.Sentinel {
		lines = []string{"bind 127.0.0.1", "dir " + s.dir}
	}
	if s.tls != nil {
		lines = append(lines, "port 0", fmt.Sprint("tls-port ", s.port), "tls-auth-clients no",
			"tls-cert-file "+filepath.Join(s.dir, certificateFile), "tls-key-file "+filepath.Join(s.dir, keyFile), "tls-ca-cert-file "+s.CA())
	} else {
		lines = append(lines, fmt.Sprint("port ", s.port))
	}
	if s.settings.Password != "" {
		lines = append(lines, "requirepass "+s.settings.Password)
	}
	for _, user := range s.settings.Users {
		lines = append(lines, "user "+user)
	}
	if s.settings.AppendOnly {
		lines = append(lines, "appendonly yes", "appendfsync always")
	}
	return strings.Join(append(lines, s.settings.More...), "\n") + "\n"
}

// Address returns "127.0.0.1:" and the port.
func (s *Server) Address() string { return fmt.Sprint("127.0.0.1:", s.port) }

// URL returns the URL of the server, without a user and a password.
func (s *Server) URL() string {
	address := url.URL{Scheme: "redis", Host: s.Address()}
	if s.tls != nil {
		address.Scheme = "rediss"
	}
	return address.String()
}

// Dir returns the directory of the server.
func (s *Server) Dir() string { return s.dir }

// Socket returns the path of the server's Unix socket.
func (s *Server) Socket() string { return filepath.Join(s.dir, socketFile) }

// CA returns the file of the certificate that has signed the server's.
func (s *Server) CA() string { return filepath.Join(s.dir, authorityFile) }

// SetPassword changes the password that [Server.Do] uses.
func (s *Server) SetPassword(password string) { s.settings.Password = password }

// Restart ends the server in order and starts it again.
func (s *Server) Restart() {
	s.t.Helper()
	s.Stop()
	s.Start()
}

// Stop lets the server end in order.
func (s *Server) Stop() { s.signal(syscall.SIGTERM) }

// Kill ends the server at once. It does nothing if the server has ended.
func (s *Server) Kill() { s.signal(syscall.SIGKILL) }

// signal sends a signal to the server and waits for its end.
func (s *Server) signal(signal os.Signal) {
	if s.process == nil {
		return
	}
	_ = s.process.Signal(signal) // an error: it has ended
	<-s.exited
	s.process = nil
}

// Do runs one command on the server, as the user named default, and returns the answer as text. It is "" if there is none.
func (s *Server) Do(command ...string) string {
	s.t.Helper()
	client, err := rueidis.NewClient(rueidis.ClientOption{
		InitAddress: []string{s.Address()}, TLSConfig: s.tls, Password: s.settings.Password,
		ForceSingleClient: true, DisableCache: true, PipelineMultiplex: -1,
	})
	if err != nil {
		s.t.Fatalf("connecting to %s: %v", s.engine.Name, err)
	}
	defer client.Close()
	answer, err := client.Do(context.Background(), client.B().Arbitrary(command...).Build()).ToMessage()
	for begin := time.Now(); isLoading(err) && time.Since(begin) < readyTime; { // a server that wants a password does not say so before
		answer, err = client.Do(context.Background(), client.B().Arbitrary(command...).Build()).ToMessage()
	}
	switch {
	case rueidis.IsRedisNil(err):
		return ""
	case err != nil:
		s.t.Fatalf("%s: %s: %v", s.engine.Name, command[0], err)
	}
	if text, err := answer.ToString(); err == nil {
		return text
	}
	if number, err := answer.ToInt64(); err == nil {
		return fmt.Sprint(number)
	}
	return answer.String()
}

// isLoading reports whether a server that has just started still reads what it has kept.
func isLoading(err error) bool {
	refused, ok := rueidis.IsRedisErr(err)
	return ok && strings.HasPrefix(refused.Error(), "LOADING")
}

// log returns what the server has written so far.
func (s *Server) log() string {
	text, _ := os.ReadFile(s.logFile())
	return string(text)
}

func (s *Server) logFile() string { return filepath.Join(s.dir, "server.log") }

func freePort(t testing.TB) int {
	t.Helper()
	address, err := net.ResolveTCPAddr("tcp", gatewaytest.FreeAddress(t))
	if err != nil {
		t.Fatal(err)
	}
	return address.Port
}
