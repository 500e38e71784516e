// Loopvar keeps closures that are made in loops, and that change the loop's variable when they are called.
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

// cursor is larger than what the runtime packs together with other small objects.
type cursor struct {
	at   int
	name string
}

//go:noinline
func many(count int) {
	for c := (cursor{}); c.at < count; c.at++ {
		kept = append(kept, func() int { c.at++; return c.at })
	}
}

//go:noinline
func others(count int) {
	for c := (cursor{}); c.at < count; c.at++ {
		kept = append(kept, func() int { c.at--; return c.at })
	}
}

//go:noinline
func few() {
	for c := (cursor{}); c.at < 3; c.at++ {
		kept = append(kept, func() int { c.at *= 2; return c.at })
	}
}
