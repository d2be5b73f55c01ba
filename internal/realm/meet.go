package realm

import "fmt"

// The elements of a pattern beside its letters: one byte of a value, and any number of them.
const (
	one  = -1
	many = -2
)

// elements returns the pattern as what its names are made of. A value has at least one byte.
func (p Pattern) elements() []int {
	if !p.Dynamic() {
		return letters(nil, p.text)
	}
	elements := letters(nil, p.fixed[0])
	for _, fixed := range p.fixed[1:] {
		elements = letters(append(elements, one, many), fixed)
	}
	return elements
}

func letters(elements []int, text string) []int {
	for i := range len(text) {
		elements = append(elements, int(text[i]))
	}
	return elements
}

// Meet reports whether two different realms of a configuration can have one name. Realms that are written alike are one
// realm.
func Meet(a, b Pattern) bool {
	if a.text == b.text {
		return false
	}
	rows, columns := a.elements(), b.elements()
	// meets[j] says of the row at hand whether what is left of both, from i and j on, has a name in common.
	meets := make([]bool, len(columns)+1)
	for i := len(rows); i >= 0; i-- {
		below := meets
		meets = make([]bool, len(columns)+1)
		for j := len(columns); j >= 0; j-- {
			switch {
			case i == len(rows) && j == len(columns):
				meets[j] = true
			case i < len(rows) && rows[i] == many:
				meets[j] = below[j] || j < len(columns) && mayBe(columns[j], one) && meets[j+1]
			case j < len(columns) && columns[j] == many:
				meets[j] = meets[j+1] || i < len(rows) && mayBe(rows[i], one) && below[j]
			case i < len(rows) && j < len(columns):
				meets[j] = mayBe(rows[i], columns[j]) && below[j+1]
			}
		}
	}
	return meets[0]
}

// mayBe reports whether two elements can be the same byte. Values hold no capital letters.
func mayBe(a, b int) bool {
	isValue := func(element int) bool { return element < 0 || element < 'A' || element > 'Z' }
	return a == b || a < 0 && isValue(b) || b < 0 && isValue(a)
}

// CheckApart returns an error where two realms of a configuration can have one name. Where says where the other one
// stands, and may be empty.
func CheckApart(realm, other Pattern, where string) error {
	if !Meet(realm, other) {
		return nil
	}
	name, otherName := realm.text, other.text
	if where != "" {
		otherName += " (" + where + ")"
	}
	wayOut := "give the one with placeholders a text in front that the other does not begin with"
	if realm.Dynamic() && other.Dynamic() {
		wayOut = "if they are one realm, write both alike; else give each a text in front that the other does not begin with"
	}
	if !realm.Dynamic() {
		realm, name, otherName = other, otherName, name
	}
	return fmt.Errorf("the realm %s can take the name of the realm %s, so that a user of the one would be a user of the other; "+
		"%s, such as site-{%s}", name, otherName, wayOut, realm.placeholders[0])
}
