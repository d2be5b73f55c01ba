package spelling

import "strings"

// minContained is the length from which a word that is a part of one known word stands for it.
const minContained = 4

// Nearest returns the known word that was most likely meant by the word that was typed. It returns nothing if none is
// near, or if several are equally near. Case does not count, and neither does which of `-`, `_` and a space joins parts.
func Nearest(typed string, known []string) string {
	plain := fold(typed)
	found, least, tied := "", limit(plain)+1, false
	for _, word := range known {
		switch distance := distance(plain, fold(word)); {
		case distance < least:
			found, least, tied = word, distance, false
		case distance == least && word != found:
			tied = true
		}
	}
	switch {
	case found != "" && tied:
		return ""
	case found != "":
		return found
	default:
		return containing(plain, known)
	}
}

// limit is how many changes a word of that length may be away from the one that was meant.
func limit(word string) int { return min(3, (len(word)+1)/4) }

// fold takes from a word what does not count.
func fold(word string) string {
	return strings.NewReplacer("-", "_", " ", "_").Replace(strings.ToLower(word))
}

// containing returns the one known word that has the word as a whole part of it, or nothing.
func containing(part string, known []string) string {
	if len(part) < minContained {
		return ""
	}
	found := ""
	for _, word := range known {
		if strings.Contains("_"+fold(word)+"_", "_"+part+"_") {
			if found != "" {
				return ""
			}
			found = word
		}
	}
	return found
}

// distance returns how many characters must be inserted, removed, replaced, or exchanged with their neighbour to make one
// word of the other.
func distance(one, other string) int {
	before, last, next := make([]int, len(other)+1), make([]int, len(other)+1), make([]int, len(other)+1)
	for j := range last {
		last[j] = j
	}
	for i := range len(one) {
		next[0] = i + 1
		for j := range len(other) {
			changed := last[j]
			if one[i] != other[j] {
				changed++
			}
			next[j+1] = min(changed, last[j+1]+1, next[j]+1)
			if i > 0 && j > 0 && one[i] == other[j-1] && one[i-1] == other[j] {
				next[j+1] = min(next[j+1], before[j-1]+1)
			}
		}
		before, last, next = last, next, before
	}
	return last[len(other)]
}
