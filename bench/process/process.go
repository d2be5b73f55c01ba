package process

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// The subcommands of the program for children: one plays a role, see [Play]; the other one is Caddy.
const (
	Command      = "play"
	CaddyCommand = "caddy"
)

// patience is how long a process may take to end by itself.
const patience = 30 * time.Second

// Process is a child that plays a role. Its methods are for one goroutine.
type Process struct {
	command *exec.Cmd
	cancel  context.CancelFunc
	in      io.WriteCloser
	out     *json.Decoder
	said    bytes.Buffer // what it wrote to standard error
}

// Start starts a child that plays a role below the directory, where its home is. The directory must exist. The child ends
// with the context.
func Start(ctx context.Context, dir, role string) (*Process, error) {
	ctx, cancel := context.WithCancel(ctx)
	command, err := child(ctx, dir, Command, role)
	if err != nil {
		cancel()
		return nil, err
	}
	p := &Process{command: command, cancel: cancel}
	p.command.Stderr = &p.said
	in, inErr := p.command.StdinPipe()
	out, outErr := p.command.StdoutPipe()
	if err := errors.Join(inErr, outErr); err != nil {
		cancel()
		return nil, err
	}
	p.in, p.out = in, json.NewDecoder(bufio.NewReader(out))
	if err := p.command.Start(); err != nil {
		cancel()
		return nil, fmt.Errorf("starting a process for %s: %w", role, err)
	}
	return p, nil
}

// child returns the command that runs this program below a directory.
func child(ctx context.Context, dir string, arguments ...string) (*exec.Cmd, error) {
	program, err := os.Executable()
	if err != nil {
		return nil, err
	}
	command := exec.CommandContext(ctx, program, arguments...)
	command.Env = append(os.Environ(), "HOME="+dir, "TMPDIR="+dir)
	for variable, name := range map[string]string{"XDG_CONFIG_HOME": "config", "XDG_DATA_HOME": "data"} {
		command.Env = append(command.Env, variable+"="+filepath.Join(dir, name))
	}
	command.WaitDelay = patience
	return command, nil
}

// Caddy runs one of Caddy's commands, as this program does with the subcommand [CaddyCommand], and decodes the JSON that it prints.
func Caddy(ctx context.Context, dir string, printed any, arguments ...string) error {
	command, err := child(ctx, dir, append([]string{CaddyCommand}, arguments...)...)
	if err != nil {
		return err
	}
	text, err := command.Output()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return fmt.Errorf("running caddy %v: %w: %s", arguments, err, exit.Stderr)
	} else if err != nil {
		return err
	}
	return json.Unmarshal(text, printed)
}

// Ask sends the child a question and reads its answer.
func (p *Process) Ask(question, answer any) error {
	err := json.NewEncoder(p.in).Encode(question)
	if err == nil {
		err = p.Read(answer)
	}
	return err
}

// Read reads what the child says unasked.
func (p *Process) Read(answer any) error {
	err := p.out.Decode(answer)
	if err == nil {
		return nil
	}
	ended := p.End()
	return fmt.Errorf("reading what a process measured: %w", errors.Join(err, ended, errors.New(p.said.String())))
}

// End lets the child end, and waits for that. Further calls do nothing.
func (p *Process) End() error {
	if p.in == nil {
		return nil
	}
	_ = p.in.Close() // it may have ended
	p.in = nil
	timer := time.AfterFunc(patience, p.cancel)
	defer timer.Stop()
	defer p.cancel()
	if err := p.command.Wait(); err != nil {
		return fmt.Errorf("a process did not end in order: %w: %s", err, p.said.String())
	}
	return nil
}

// Ask starts a child, asks it one question and lets it end.
func Ask(ctx context.Context, dir, role string, question, answer any) error {
	p, err := Start(ctx, dir, role)
	if err != nil {
		return err
	}
	if err := p.Ask(question, answer); err != nil {
		return err
	}
	return p.End()
}
