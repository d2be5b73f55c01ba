package issuer

import "time"

const (
	// refreshEvery is how old keys get before they are fetched again, unless refresh_min is longer.
	refreshEvery = 10 * time.Minute
	// firstRetry is how soon after a failure the provider is asked again; each further failure doubles it.
	firstRetry = time.Second
)

// schedule decides when the provider is to be asked. It holds times alone and decides by them and by now.
type schedule struct {
	refreshMin time.Duration
	staleMax   time.Duration

	succeeded time.Time // the last success; zero: none yet
	attempted time.Time // the last attempt
	failures  int       // since the last success
	unknown   time.Time // the last attempt that a token with an unknown key caused
}

// next returns when the provider is to be asked without any cause.
func (s schedule) next() time.Time {
	switch {
	case s.attempted.IsZero():
		return time.Time{}
	case s.failures > 0:
		wait := firstRetry << min(s.failures-1, 20)
		return s.attempted.Add(min(wait, s.refreshMin))
	default:
		return s.succeeded.Add(max(refreshEvery, s.refreshMin))
	}
}

// mayAskForUnknown reports whether the provider may be asked now for a token that names an unknown key.
func (s schedule) mayAskForUnknown(now time.Time) bool {
	return s.unknown.IsZero() || now.Sub(s.unknown) >= s.refreshMin
}

// isFresh reports whether what was fetched may still be used.
func (s schedule) isFresh(now time.Time) bool {
	return !s.succeeded.IsZero() && now.Sub(s.succeeded) < s.staleMax
}

// attempt returns the schedule after an attempt that ended now.
func (s schedule) attempt(now time.Time, err error) schedule {
	s.attempted = now
	if err != nil {
		s.failures++
		return s
	}
	s.succeeded, s.failures = now, 0
	return s
}
