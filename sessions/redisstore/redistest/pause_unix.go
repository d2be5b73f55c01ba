//go:build unix

package redistest

import "syscall"

// Pause stops the server without ending it: connections stay open and get no answer.
func (s *Server) Pause() { s.send(syscall.SIGSTOP) }

// Resume lets the server go on after [Server.Pause].
func (s *Server) Resume() { s.send(syscall.SIGCONT) }

func (s *Server) send(signal syscall.Signal) {
	s.t.Helper()
	if err := s.process.Signal(signal); err != nil {
		s.t.Fatalf("sending %v to %s: %v", signal, s.engine.Name, err)
	}
}
