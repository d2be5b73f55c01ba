package report

import (
	"cmp"
	"slices"
)

// Median returns the value in the middle. There must be one.
func Median[T cmp.Ordered](values []T) T {
	sorted := slices.Sorted(slices.Values(values))
	return sorted[len(sorted)/2]
}
