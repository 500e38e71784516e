// Package joining is something to benchmark with package testing.
//
// It exercises a benchmark as a workload: sub-benchmarks, allocations, a metric of its own. What it shows
// is ns/op, B/op and allocs/op, each by release; allocations are the same from Go 1.21 to 1.27.
package joining

import "strings"

// Join repeats a word, with commas.
func Join(word string, times int) string {
	words := make([]string, times)
	for i := range words {
		words[i] = word
	}
	return strings.Join(words, ",")
}
