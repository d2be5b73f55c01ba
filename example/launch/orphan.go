package launch

import (
	"context"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

// CancelWhenOrphaned cancels where this program was started by go run and the go command is gone: that one ends on
// SIGTERM at once and tells nobody. A program that was started by other means stays when its parent goes.
func CancelWhenOrphaned(ctx context.Context, cancel context.CancelFunc) {
	executable, err := os.Executable()
	if err != nil || !startedByGoRun(executable) {
		return
	}
	parent := os.Getppid()
	ticker := time.NewTicker(time.Second)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			if os.Getppid() != parent {
				cancel()
				return
			}
		}
	}
}

// cachedExecutable is the name of a directory in which the go command keeps a program that it runs again.
var cachedExecutable = regexp.MustCompile(`^[0-9a-f]{64}-d$`)

// startedByGoRun reports whether the program lies where go run puts it: <temporary>/go-build<number>/b001/exe/<name>, or
// <cache>/61/<hash>-d/<name>.
func startedByGoRun(executable string) bool {
	dir := filepath.Dir(executable)
	if cachedExecutable.MatchString(filepath.Base(dir)) {
		return true
	}
	return filepath.Base(dir) == "exe" && strings.HasPrefix(filepath.Base(filepath.Dir(filepath.Dir(dir))), "go-build")
}
