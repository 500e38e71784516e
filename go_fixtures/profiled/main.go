// Profiled profiles where it blocks, at the end of thousands of different deep stacks.
//
// It exercises the buckets of the runtime's block profile. What it shows: up to Go 1.22 the profile keeps
// the innermost 32 frames of a stack, which are the same for all, and one bucket; from Go 1.23 on it keeps
// 128, and a bucket for each stack, about 1 KiB that is never freed. With BEHAVIOUR=off in its environment
// it blocks as often and profiles nothing, so that one matrix holds both.
package main

import (
	"flag"
	"os"
	"runtime"
)

const inner = 60

var asked, answered = make(chan struct{}, 1), make(chan struct{})

func main() {
	stacks := flag.Int("stacks", 8192, "different stacks that block")
	flag.Parse()

	runtime.GOMAXPROCS(1) // the answer comes after the question has blocked
	go func() {
		for range asked {
			answered <- struct{}{}
		}
	}()
	if os.Getenv("BEHAVIOUR") != "off" {
		runtime.SetBlockProfileRate(1)
	}
	for path := 0; path < *stacks; path++ {
		left(path, 16)
	}
}

// left and right turn at each step by a bit of the path, so that each path has a stack of its own.
//
//go:noinline
func left(path, steps int) {
	turn(path, steps)
}

//go:noinline
func right(path, steps int) {
	turn(path, steps)
}

func turn(path, steps int) {
	switch {
	case steps == 0:
		down(inner)
	case path&1 == 0:
		left(path>>1, steps-1)
	default:
		right(path>>1, steps-1)
	}
}

// down has more frames than old profiles keep.
//
//go:noinline
func down(steps int) {
	if steps > 0 {
		down(steps - 1)
		return
	}
	asked <- struct{}{}
	<-answered
}
