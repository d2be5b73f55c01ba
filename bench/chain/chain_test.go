package chain

import (
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// A store whose tables lack the records of the users is not measured.
func TestCheckTables(t *testing.T) {
	spec := Spec{
		Dir: filepath.Join(t.TempDir(), "chain"), Handler: "jwt_session shop {\nwhoami /whoami json user\nmode stateful\n}",
		With: Session, Answers: 200, Users: 5, OnDisk: true, Time: time.Millisecond,
	}
	if _, err := Measure(spec); err != nil {
		t.Fatal(err)
	}
	spec.Users = 1000 // of whom nobody has signed in
	if err := checkTables(spec); err == nil || !strings.Contains(err.Error(), "records of 1000 users") {
		t.Errorf("got %v", err)
	}
}

// Another signature is still one by its form.
func TestForged(t *testing.T) {
	for _, token := range []string{"a.b.Cd", "a.b.Ad"} {
		if got := forged(token); got == token || len(got) != len(token) || got[:4] != token[:4] {
			t.Errorf("%s becomes %s", token, got)
		}
	}
}
