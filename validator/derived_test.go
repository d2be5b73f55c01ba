package validator

import (
	"sync"
	"testing"
)

// All that ask at once get the same thing, though each makes one.
func TestDerivedIsOneThing(t *testing.T) {
	claims := &Claims{subject: "alice"}
	var making, group sync.WaitGroup
	got := make([]any, 8)
	making.Add(len(got))
	for i := range got {
		group.Go(func() {
			got[i] = claims.Derived(func(claims *Claims) any {
				making.Done()
				making.Wait() // until all others make one too
				text := claims.Subject()
				return &text
			})
		})
	}
	group.Wait()
	later := claims.Derived(func(*Claims) any {
		t.Error("it is made again")
		return nil
	})
	for _, one := range got {
		if one != later || *one.(*string) != "alice" {
			t.Fatal("two that ask get different things")
		}
	}
}
