package badgerstore

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"go.uber.org/zap"

	"github.com/caddy-jwt-session/caddy-jwt-session/blacklist"
)

// runChild is the other process. It says what it has done, line by line, and returns its exit code.
func runChild(role, dir string) int {
	db, err := Open(dir, zap.NewNop())
	if err != nil {
		fmt.Println("refused:", err)
		return 3
	}
	fmt.Println("opened")
	switch role {
	case "hold":
		_, _ = bufio.NewReader(os.Stdin).ReadString('\n')
	case "append":
		appendForEver(db)
	}
	if err := db.Close(); err != nil {
		fmt.Println("closing:", err)
		return 4
	}
	return 0
}

// appendForEver appends with several writers, so that they share syncs, and names each entry that was acknowledged.
func appendForEver(db *DB) {
	var wait sync.WaitGroup
	for writer := range 4 {
		wait.Go(func() {
			for number := 0; ; number++ {
				jti := fmt.Sprintf("%d.%d.%d", os.Getpid(), writer, number)
				if err := db.Journal().Append(context.Background(), revocation(jti)); err != nil {
					fmt.Println("failed:", err)
					return
				}
				fmt.Println("appended", jti)
			}
		})
	}
	wait.Wait()
}

func startChild(t *testing.T, role, dir string) (*exec.Cmd, *bufio.Scanner) {
	t.Helper()
	child := exec.CommandContext(t.Context(), os.Args[0])
	child.Env = append(os.Environ(), childEnv+"="+role, childEnv+"_DIR="+dir)
	child.Stderr = os.Stderr
	if _, err := child.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	output, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	return child, bufio.NewScanner(output)
}

func expectLine(t *testing.T, lines *bufio.Scanner, want string) {
	t.Helper()
	if !lines.Scan() || lines.Text() != want {
		t.Fatalf("the other process said %q, want %q", lines.Text(), want)
	}
}

func TestASecondProcessIsRefused(t *testing.T) {
	dir := t.TempDir()
	db := mustOpen(t, dir, zap.NewNop(), production())
	one := newSession("one", "ann")
	mustPut(t, db, one)
	for range 2 {
		child, lines := startChild(t, "hold", dir)
		if !lines.Scan() {
			t.Fatal("the other process said nothing")
		}
		for _, part := range []string{"refused:", dir, fmt.Sprint("process ", os.Getpid()), "name another directory"} {
			if !strings.Contains(lines.Text(), part) {
				t.Errorf("the other process said %q, want %q in it", lines.Text(), part)
			}
		}
		if err := child.Wait(); err == nil || child.ProcessState.ExitCode() != 3 {
			t.Errorf("the other process ended with %v, want a refusal", err)
		}
		mustHave(t, db, one)
	}
	mustPut(t, db, newSession("two", "bob"))
	mustClose(t, db)
	again := mustOpen(t, dir, zap.NewNop(), production())
	mustHave(t, again, one)
	mustHave(t, again, newSession("two", "bob"))
}

func TestTheHolderIsNamed(t *testing.T) {
	dir := t.TempDir()
	child, lines := startChild(t, "hold", dir)
	expectLine(t, lines, "opened")
	_, err := Open(dir, zap.NewNop())
	if err == nil || !strings.Contains(err.Error(), fmt.Sprint("process ", child.Process.Pid)) {
		t.Errorf("Open = %v, want the other process named", err)
	}
	if err := child.Process.Signal(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	_ = child.Wait()
	mustOpen(t, dir, zap.NewNop(), production()) // what it left behind holds nobody up
}

func TestAppendSurvivesAKill(t *testing.T) {
	dir := t.TempDir()
	acknowledged := map[blacklist.Subject]bool{}
	for round := range 4 {
		child, lines := startChild(t, "append", dir)
		expectLine(t, lines, "opened")
		for fresh := 0; lines.Scan(); fresh++ { // until the pipe ends with the process: what was said counts
			jti, ok := strings.CutPrefix(lines.Text(), "appended ")
			if !ok {
				t.Fatalf("the other process said %q", lines.Text())
			}
			acknowledged[blacklist.TokenID(jti)] = true
			if fresh == 10+round*7 {
				if err := child.Process.Signal(syscall.SIGKILL); err != nil {
					t.Fatal(err)
				}
			}
		}
		_ = child.Wait()
		db := mustOpen(t, dir, zap.NewNop(), production())
		loaded := load(t, db)
		for subject := range acknowledged {
			if _, ok := loaded[subject]; !ok {
				t.Fatalf("round %d: an acknowledged entry is gone", round)
			}
		}
		mustClose(t, db)
	}
	if len(acknowledged) < 40 {
		t.Errorf("only %d entries were acknowledged", len(acknowledged))
	}
}

// A first start that is killed at any moment must not stand in the way of the next one.
func TestAFirstStartThatIsKilled(t *testing.T) {
	for _, moment := range []string{markerName, "LOCK", "MANIFEST*", "KEYREGISTRY", "*.mem", "*.vlog", markerName + ".new", "DISCARD"} {
		t.Run(moment, func(t *testing.T) {
			dir := t.TempDir()
			for range 2 {
				child, _ := startChild(t, "hold", dir)
				for there := false; !there && t.Context().Err() == nil; {
					found, err := filepath.Glob(filepath.Join(dir, moment))
					if err != nil {
						t.Fatal(err)
					}
					id, _ := os.ReadFile(filepath.Join(dir, markerName))
					there = len(found) > 0 || len(id) > 0 // the start may be over before it is seen
				}
				if err := child.Process.Signal(syscall.SIGKILL); err != nil {
					t.Fatal(err)
				}
				_ = child.Wait()
			}
			mustPut(t, mustOpen(t, dir, zap.NewNop(), production()), newSession("one", "ann"))
		})
	}
}
