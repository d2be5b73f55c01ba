package whoami

import "net/netip"

// turns says in which order clients get their turns: who comes goes to the end, and so does who had a turn. The zero value is
// ready to use.
type turns struct {
	last uint64
	of   map[netip.Prefix]uint64
}

// join gives a client a place at the end, unless it has one, and returns its place.
func (t *turns) join(client netip.Prefix) uint64 {
	if turn, has := t.of[client]; has {
		return turn
	}
	return t.take(client)
}

// take moves a client to the end and returns its place.
func (t *turns) take(client netip.Prefix) uint64 {
	if t.of == nil {
		t.of = make(map[netip.Prefix]uint64)
	}
	t.last++
	t.of[client] = t.last
	return t.last
}
