// Churn makes garbage beside a live heap, in bursts whose size and time are left to chance.
//
// It exercises the collector's pacing. What it shows on every Go version: many more allocations and
// collections on the same live heap, CPU time more than memory, and numbers that differ from trial to
// trial of one and the same binary: a comparison that takes its noise for a change is wrong. With
// BEHAVIOUR=off in its environment it makes no garbage, so that one matrix holds both.
package main

import (
	"flag"
	"math/rand"
	"os"
	"runtime"
	"time"
)

type node struct {
	next *node
	rest [6]uint64
}

var garbage []byte

func main() {
	live := flag.Int("live-mib", 16, "mebibytes of live heap, in small linked objects")
	total := flag.Int("garbage-mib", 600, "mebibytes of garbage in all")
	noise := flag.Float64("noise", 1, "how far bursts vary: 0 makes every run the same")
	flag.Parse()

	var head *node
	for i := 0; i < *live<<20/64; i++ {
		head = &node{next: head}
	}
	chance := rand.New(rand.NewSource(time.Now().UnixNano()))
	for left := *total << 20; left > 0; {
		burst := int(float64(8<<20) * (1 + *noise*(chance.Float64()-0.5)))
		left -= burst
		if os.Getenv("BEHAVIOUR") != "off" {
			litter(burst)
		}
		time.Sleep(time.Duration(float64(time.Millisecond) * (1 + *noise*chance.Float64())))
	}
	runtime.GC() // so that what the runtime calls live is counted at a defined point
	runtime.KeepAlive(head)
}

// litter allocates so many bytes and drops them.
func litter(size int) {
	const block = 32 << 10
	for ; size > 0; size -= block {
		garbage = make([]byte, block)
	}
}
