// Stacks lets many goroutines go deep into calls and stay there.
//
// It exercises the growth of goroutine stacks, which double by copying. What it shows is the same on
// every Go version: heap.stacks grows, and the heap itself does not. With BEHAVIOUR=off in its
// environment the goroutines stay where they began, so that one matrix holds both.
package main

import (
	"flag"
	"os"
	"time"
)

func main() {
	goroutines := flag.Int("goroutines", 64, "how many")
	depth := flag.Int("depth", 400, "calls of about 1 KiB that each is deep")
	linger := flag.Duration("linger", 400*time.Millisecond, "how long they stay there")
	flag.Parse()

	if os.Getenv("BEHAVIOUR") == "off" {
		*depth = 0
	}
	reached, release := make(chan byte), make(chan byte)
	for i := 0; i < *goroutines; i++ {
		go func() { reached <- descend(*depth, reached, release) }()
	}
	for i := 0; i < *goroutines; i++ {
		<-reached
	}
	time.Sleep(*linger)
}

// descend uses about depth KiB of stack, then waits.
func descend(depth int, reached chan<- byte, release <-chan byte) byte {
	var frame [1024]byte
	frame[depth%len(frame)] = byte(depth)
	if depth > 0 {
		return descend(depth-1, reached, release) + frame[depth/2%len(frame)]
	}
	reached <- frame[0]
	return <-release
}
