// Package joining is something to benchmark.
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
