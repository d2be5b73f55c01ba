package breakeven

import (
	"math"
	"time"
)

// Figures is what was measured.
type Figures struct {
	Token Token
	// Cookie is how many bytes a session cookie has.
	Cookie  int
	LookUps []LookUp
}

// Token is what a token costs (HS256).
type Token struct {
	// Bytes come with each request besides the session cookie.
	Bytes int
	// Mint makes one, First checks one that was not seen before, and Seen one that was.
	Mint, First, Seen time.Duration
}

// LookUp is one way to learn whose session it is.
type LookUp struct {
	Name string
	Time time.Duration
}

// Saves is what a token that was seen before saves a request.
func (f Figures) Saves(by LookUp) time.Duration { return by.Time - f.Token.Seen }

// PaysFrom returns how many requests a token must serve to have cost less than as many look-ups. A token's life is one look-up
// that confirms the session, a token made, checked once, and remembered from then on. 0: it never does.
func (f Figures) PaysFrom(by LookUp) int {
	if f.Saves(by) <= 0 {
		return 0
	}
	return int(math.Ceil(float64(by.Time+f.Token.Mint+f.Token.First-f.Token.Seen) / float64(f.Saves(by))))
}

// Average returns what a request costs with a token that serves so many.
func (f Figures) Average(by LookUp, requests float64) time.Duration {
	whole := float64(by.Time+f.Token.Mint+f.Token.First) + (requests-1)*float64(f.Token.Seen)
	return time.Duration(whole / requests)
}

// Sending returns how long the bytes of a token take on a link of so many megabits a second.
func (f Figures) Sending(megabits float64) time.Duration {
	return time.Duration(float64(f.Token.Bytes) * 8 / megabits * float64(time.Microsecond))
}

// AsLongAt returns how many megabits a second a link has on which the bytes of a token take as long as it saves. On faster links
// the token wins. 0: it never does.
func (f Figures) AsLongAt(by LookUp) float64 {
	saves := f.Saves(by)
	if saves <= 0 {
		return 0
	}
	return float64(f.Token.Bytes) * 8 * float64(time.Microsecond) / float64(saves)
}
