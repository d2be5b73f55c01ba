package launch

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/caddy-jwt-session/caddy-jwt-session/internal/gateway"
)

// How often the progress is written: in place on a terminal, as a new line elsewhere.
const (
	terminalInterval = time.Second
	plainInterval    = 10 * time.Second
)

// Build compiles the gateway and tells how it is going.
func Build(ctx context.Context, binary string, stdout io.Writer, flags []string) error {
	fmt.Fprintln(stdout, "Building the gateway. The first build downloads and compiles Caddy, which takes minutes; "+
		"later ones take seconds.")
	shown := &progress{started: time.Now(), inPlace: isTerminal(stdout)}
	finished := make(chan struct{})
	var ticking sync.WaitGroup
	ticking.Go(func() { shown.tick(stdout, finished) })
	err := gateway.Build(ctx, binary, shown, flags...)
	close(finished)
	ticking.Wait()
	if err != nil && ctx.Err() == nil {
		return fmt.Errorf("%w\n%s", err, shown.messages())
	}
	return err
}

// progress reads what the go command says while it builds.
type progress struct {
	started time.Time
	inPlace bool

	mu         sync.Mutex
	line       []byte // the unfinished last line
	compiled   int
	downloaded int
	other      []string // what is neither: error messages
}

// Write implements [io.Writer].
func (p *progress) Write(text []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.line = append(p.line, text...)
	for {
		line, rest, found := bytes.Cut(p.line, []byte("\n"))
		if !found {
			return len(text), nil
		}
		p.read(string(line))
		p.line = rest
	}
}

// read counts one line. With -v go build names each package that it compiles: a path alone on its line.
func (p *progress) read(line string) {
	switch {
	case strings.HasPrefix(line, "go: downloading "):
		p.downloaded++
	case line != "" && !strings.ContainsAny(line, " \t:#"):
		p.compiled++
	default:
		p.other = append(p.other, line)
	}
}

// String says how it is going.
func (p *progress) String() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	text := fmt.Sprintf("  %d s, %d packages compiled", int(time.Since(p.started).Seconds()), p.compiled)
	if p.downloaded > 0 {
		text += fmt.Sprintf(", %d modules downloaded", p.downloaded)
	}
	return text
}

// messages returns what the go command said beside its progress.
func (p *progress) messages() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return strings.Join(append(p.other, string(p.line)), "\n")
}

// tick writes the progress until finished is closed, and once more then.
func (p *progress) tick(stdout io.Writer, finished <-chan struct{}) {
	interval, before, after := plainInterval, "", "\n"
	if p.inPlace {
		interval, before, after = terminalInterval, "\r\x1b[K", ""
	}
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			fmt.Fprint(stdout, before, p, after)
		case <-finished:
			fmt.Fprint(stdout, before, p, "\n")
			return
		}
	}
}

// isTerminal reports whether the output is a terminal, or at least a device on which overwriting a line does no harm.
func isTerminal(output io.Writer) bool {
	file, isFile := output.(*os.File)
	if !isFile {
		return false
	}
	info, err := file.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0 && os.Getenv("TERM") != "dumb"
}
