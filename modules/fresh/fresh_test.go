package fresh

import (
	"testing"
	"time"
)

func TestIsFresh(t *testing.T) {
	now := time.Unix(1_800_000_000, 900_000_000)
	for name, test := range map[string]struct {
		authTime int64
		maxAge   time.Duration
		want     bool
	}{
		"now":                   {1_800_000_000, time.Minute, true},
		"in its last second":    {1_800_000_000 - 60, time.Minute, true},
		"too long ago":          {1_800_000_000 - 61, time.Minute, false},
		"not known":             {0, 1 << 62, false},
		"negative":              {-1, 1 << 62, false},
		"a clock ahead of ours": {1_800_000_060, time.Minute, true},
		"far ahead":             {1_800_000_061, time.Minute, false},
		"no age":                {1_800_000_000, 0, true},
	} {
		if got := IsFresh(test.authTime, test.maxAge, now); got != test.want {
			t.Errorf("%s: got %v", name, got)
		}
	}
}
