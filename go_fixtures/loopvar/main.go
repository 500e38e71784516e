// Loopvar keeps closures that are made in loops, and that capture the loop's variable.
//
// It exercises how long such a variable lives. With a go line of 1.22 or newer each iteration has its
// own, which is one more allocation each: 100,000 here. With an older one all iterations share it. The
// loop in main.few does the same, but only three times. With -more a second loop does it as often again.
package main

import "flag"

var kept []func() int

func main() {
	count := flag.Int("count", 100_000, "iterations of one loop")
	more := flag.Int("more", 0, "iterations of another one")
	flag.Parse()

	kept = make([]func() int, 0, *count+*more+3)
	many(*count)
	others(*more)
	few()
}

//go:noinline
func many(count int) {
	for i := 0; i < count; i++ {
		kept = append(kept, func() int { return i })
	}
}

//go:noinline
func others(count int) {
	for i := 0; i < count; i++ {
		kept = append(kept, func() int { return i + 1 })
	}
}

//go:noinline
func few() {
	for i := 0; i < 3; i++ {
		kept = append(kept, func() int { return i + 2 })
	}
}
