package command_test

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// terminal opens a terminal: the end of who sits at it, and the end of the program.
func terminal(t *testing.T) (person, program *os.File) {
	t.Helper()
	person, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Skipf("there are no terminals here: %v", err)
	}
	t.Cleanup(func() { _ = person.Close() })
	if err := unix.IoctlSetPointerInt(int(person.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	number, err := unix.IoctlGetInt(int(person.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	program, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = program.Close() })
	return person, program
}

// atTerminal runs a command for somebody who types the reply.
func (s *site) atTerminal(t *testing.T, reply string, arguments ...string) output {
	t.Helper()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	person, end := terminal(t)
	if _, err := io.WriteString(person, reply); err != nil { // the terminal keeps it until it is read
		t.Fatal(err)
	}
	child := exec.CommandContext(t.Context(), program, append(append([]string{"jwt-session"}, arguments...), "--address", s.config.Admin)...)
	child.Env = append(os.Environ(), childVariable+"=1")
	child.WaitDelay = time.Minute
	var out, complaints bytes.Buffer
	child.Stdin, child.Stdout, child.Stderr = end, &out, &complaints
	_ = child.Run() // the code says it
	return output{code: child.ProcessState.ExitCode(), out: out.String(), errors: complaints.String()}
}

// What hits everybody is asked about where somebody sits at a terminal, and done without a question for a script.
func TestConfirmingOnATerminal(t *testing.T) {
	s := newSite(t, "")
	for _, command := range []struct{ line, done string }{
		{"revoke --all", "is dropped"},
		{"keys rotate --emergency", "every token is dead"},
	} {
		arguments := strings.Fields(command.line)
		bob := &visitor{site: s, session: "bobs-session-cookie"}
		s.signIn(bob.session, "bob")
		bob.want(200, "bob by session")
		bob.want(200, "bob by token")
		for _, reply := range []string{"\n", "yesterday\n", "\x04"} {
			got := s.atTerminal(t, reply, arguments...).ended(t, 1, "Go on? [y/N]", "nothing was done", "--yes")
			if got.out != "" {
				t.Errorf("%s, reply %q: says %q", command.line, reply, got.out)
			}
		}
		bob.want(200, "bob by token")
		for _, reply := range []string{"y\n", "YES\n"} {
			s.atTerminal(t, reply, arguments...).done(t, "Go on? [y/N]", command.done)
			bob.want(200, "bob by session")
			bob.want(200, "bob by token")
		}
		for name, got := range map[string]output{
			"with --yes": s.atTerminal(t, "", append(arguments, "--yes")...).done(t, command.done),
			"a script":   s.caddy("", arguments...).done(t, command.done),
		} {
			if strings.Contains(got.errors, "Go on?") {
				t.Errorf("%s, %s: asked %q", command.line, name, got.errors)
			}
		}
	}
	s.atTerminal(t, "", "keys", "rotate").done(t, "signs")
	s.atTerminal(t, "", "revoke", "--realm", "shop").done(t, "is dropped")
}
