//go:build !windows && !aix

package badgerstore

import (
	"os/exec"
	"sync"
	"testing"

	"go.uber.org/zap"
)

// startProcesses starts processes until the test is over. They inherit open files for a moment.
func startProcesses(t *testing.T) {
	t.Helper()
	program, err := exec.LookPath("true")
	if err != nil {
		t.Skip("there is no program to start:", err)
	}
	stop := make(chan struct{})
	var starting sync.WaitGroup
	t.Cleanup(func() {
		close(stop)
		starting.Wait()
	})
	for range 4 {
		starting.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
					_ = exec.Command(program).Run()
				}
			}
		})
	}
}

// A lock that was given back is free at once.
func TestLockIsGivenBackWhileProcessesStart(t *testing.T) {
	startProcesses(t)
	dir := t.TempDir()
	for i := range 2000 {
		unlock, err := lockDirectory(dir)
		if err != nil {
			t.Errorf("lock %d: %v", i, err)
			break
		}
		unlock()
	}
}

// So is a store that was closed.
func TestStoreIsReopenedWhileProcessesStart(t *testing.T) {
	startProcesses(t)
	dir := t.TempDir()
	for i := range 30 {
		db, err := Open(dir, zap.NewNop())
		if err != nil {
			t.Fatalf("opening %d: %v", i, err)
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
	}
}
