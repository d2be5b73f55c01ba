package cookie

import (
	"slices"
	"time"
)

// Pair is a cookie as requests bring it.
type Pair struct{ Name, Value string }

// Held reports whether a browser keeps a value in a place. The zero value is that it is not known.
type Held uint8

const (
	// Unknown: nothing is known of where the browser keeps the value.
	Unknown Held = iota
	// Here: it keeps the value in this place.
	Here
	// Elsewhere: it keeps the value in another place.
	Elsewhere
)

// Exchange is what the effect of a response depends on.
type Exchange struct {
	Request

	// IsSession reports whether a cookie of the name belongs to the session.
	IsSession func(name string) bool
	// Sent are the cookies of the session that the application received.
	Sent []Pair
	// Withheld are those that the client sent and the application did not receive.
	Withheld []Pair
	// Bound are those of the session that a token stands for, where none were sent.
	Bound []Pair
	// Lines are the Set-Cookie lines of the response.
	Lines []string
	// Holds says what is known of the places of a value. Nil knows nothing.
	Holds func(Pair, Variant) Held
	// Now is the present time.
	Now time.Time
}

// Effect is what a response does to the cookies of a session.
type Effect struct {
	// After are the cookies that the browser has from now on. Two values of one name are ambiguous.
	After []Pair
	// Changed are the names that get a new value, those that are removed from where the value may be, and those of which a
	// line takes back what one before it says of the same place.
	Changed []string
	// HasNew reports whether a cookie gets a new value.
	HasNew bool
	// Ends reports whether the session that came is over.
	Ends bool
	// Moves reports whether the response gives new values in one clear way: no cookie has two, none is removed, and no line
	// takes back what one before it says of the same place.
	Moves bool
}

// placed is a line with the place that it is about.
type placed struct {
	Line

	variant Variant
	// contradicts reports whether an earlier line for the place said something else.
	contradicts bool
}

// Judge returns the effect of a response. A new value in any place is what the browser has now, whatever is said of
// other places. A line that repeats the value that was sent is no event, and neither is the removal from a place that is
// known not to hold the value.
func Judge(e Exchange) Effect {
	final := e.final()
	var effect Effect
	for _, pair := range e.Sent {
		if !slices.ContainsFunc(final, func(line placed) bool { return line.Name == pair.Name }) {
			effect.After = append(effect.After, pair)
		}
	}
	isClear := true
	for i, line := range final {
		isClear = isClear && !line.contradicts
		isFirst := !slices.ContainsFunc(final[:i], func(other placed) bool { return other.Name == line.Name })
		if isFirst {
			isClear = e.judgeName(line.Name, final, &effect) && isClear
		}
		if line.contradicts && !slices.Contains(effect.Changed, line.Name) {
			effect.Changed = append(effect.Changed, line.Name)
		}
	}
	effect.Moves = effect.HasNew && isClear
	return effect
}

// judgeName adds the effect on the cookies of one name, and reports whether it is clear.
func (e Exchange) judgeName(name string, final []placed, effect *Effect) bool {
	var fresh []string
	repeats, removed := false, false
	for _, line := range final {
		switch {
		case line.Name != name:
		case !line.Removes(e.Now) && e.isSame(line.Line):
			repeats = true
		case line.Removes(e.Now) || line.Value == "":
			removed = removed || e.held(line.variant) != Elsewhere
		case !slices.Contains(fresh, line.Value):
			fresh = append(fresh, line.Value)
		}
	}
	switch {
	case len(fresh) > 0:
		effect.HasNew, effect.Ends = true, true
		effect.Changed = append(effect.Changed, name)
		for _, value := range fresh {
			effect.After = append(effect.After, Pair{Name: name, Value: value})
		}
		return len(fresh) == 1
	case repeats:
		effect.After = append(effect.After, Pair{Name: name, Value: e.repeated(name)})
	case removed:
		effect.Ends = true
		effect.Changed = append(effect.Changed, name)
		return false
	default:
		for _, pair := range e.Sent {
			if pair.Name == name {
				effect.After = append(effect.After, pair)
			}
		}
	}
	return true
}

// final returns the lines about cookies of the session, the last one for each place.
func (e Exchange) final() []placed {
	var final []placed
	for _, text := range e.Lines {
		line := ReadLine(text)
		if !e.IsSession(line.Name) {
			continue
		}
		last := placed{Line: line, variant: line.Variant(e.Request)}
		if at := slices.IndexFunc(final, func(other placed) bool { return other.variant == last.variant }); at >= 0 {
			before := final[at]
			last.contradicts = before.contradicts || before.Value != last.Value || before.Removes(e.Now) != last.Removes(e.Now)
			final[at] = last
		} else {
			final = append(final, last)
		}
	}
	return final
}

// isSame reports whether every cookie of that name in the request has the value already.
func (e Exchange) isSame(line Line) bool { return IsSame(e.came(), line) }

// IsSame reports whether every one of the cookies that has the line's name has its value already, and one does.
func IsSame(sent []Pair, line Line) bool {
	found := false
	for _, pair := range sent {
		if pair.Name == line.Name {
			found = true
			if pair.Value != line.Value {
				return false
			}
		}
	}
	return found
}

// came returns all session cookies of the request.
func (e Exchange) came() []Pair {
	if len(e.Withheld) == 0 {
		return e.Sent
	}
	return slices.Concat(e.Sent, e.Withheld)
}

// repeated returns the one value that came under the name.
func (e Exchange) repeated(name string) string {
	for _, pair := range e.came() {
		if pair.Name == name {
			return pair.Value
		}
	}
	return ""
}

// held reports whether the place holds a part of the session that came. Where nothing came, or several values, any of them
// counts.
func (e Exchange) held(variant Variant) Held {
	held := Elsewhere
	for _, pair := range e.holders(variant.Name) {
		known := Unknown
		if e.Holds != nil {
			known = e.Holds(pair, variant)
		}
		switch {
		case known == Here:
			return Here
		case known == Unknown:
			held = Unknown
		}
	}
	if len(e.holders(variant.Name)) == 0 {
		return Unknown
	}
	return held
}

// holders returns the cookies that a removal may be about: those of the name or, where none came under it, all.
func (e Exchange) holders(name string) []Pair {
	came := e.came()
	if !slices.ContainsFunc(came, hasValue) {
		came = e.Bound
	}
	var named, all []Pair
	for _, pair := range came {
		if hasValue(pair) {
			all = append(all, pair)
			if pair.Name == name {
				named = append(named, pair)
			}
		}
	}
	if len(named) > 0 {
		return named
	}
	return all
}

func hasValue(pair Pair) bool { return pair.Value != "" }
