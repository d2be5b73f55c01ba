package scale

import (
	"path/filepath"
	"testing"
	"time"
)

func TestTableHasTheRows(t *testing.T) {
	found := &Found{settings: Settings{Sessions: 1000, Revoked: 500}, imported: time.Second, few: 1, many: 1}
	for i, row := range found.Table().Rows {
		if want := Rows()[i]; row[0] != want {
			t.Errorf("row %d is %q, Rows says %q", i, row[0], want)
		}
	}
}

func TestMeasureEnds(t *testing.T) {
	found, err := MeasureEnds(blacklistSpec{filepath.Join(t.TempDir(), "store"), 500})
	if err != nil || found.RevokeUser <= 0 || found.Flush <= 0 {
		t.Errorf("%+v, %v", found, err)
	}
}

func TestAnswers(t *testing.T) {
	b, err := openBlacklist(t.Context(), blacklistSpec{filepath.Join(t.TempDir(), "store"), 500})
	if err != nil {
		t.Fatal(err)
	}
	if err := b.close(); err != nil || b.found.Bytes <= 0 || b.found.Question <= 0 {
		t.Errorf("%+v, %v", b.found, err)
	}
}

// The worst second counts, and not the many that nothing happened in.
func TestWaits(t *testing.T) {
	w := make(waits, 10*second)
	for i := range 100 {
		w[3*second+i] = time.Duration(200 + i)
	}
	if w.longest() != 299 || w.worst() != 250 {
		t.Errorf("longest %d, worst %d", w.longest(), w.worst())
	}
	if (waits{}).longest() != 0 || (waits{}).worst() != 0 {
		t.Error("nobody has waited")
	}
}

// Requests that come while one takes long have waited for it, unless they come in turn.
func TestWatch(t *testing.T) {
	for _, inTurn := range []bool{false, true} {
		slow, enough, asked := 50*time.Millisecond, make(chan struct{}), 0
		w := watch(inTurn, func() error {
			if asked++; asked == 10 {
				<-time.After(slow)
			}
			if asked == 100 {
				close(enough)
			}
			return nil
		})
		<-enough
		waits, err := w.stop()
		late := 0
		for _, one := range waits[:90] {
			if one > slow/4 {
				late++
			}
		}
		if err != nil || waits.longest() < slow || late > 50 == inTurn {
			t.Errorf("in turn %t: %d were late, %v", inTurn, late, err)
		}
	}
}
