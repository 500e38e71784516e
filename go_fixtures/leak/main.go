// Leak keeps a live heap and never lets go of more and more beside it.
//
// It exercises the growth of the live heap. What it shows is the same on every Go version: the resident
// set grows over time, the runtime's own metrics grow with it, and the heap profile names main.keep.
// With BEHAVIOUR=off in its environment it leaks nothing, so that one matrix holds both.
package main

import (
	"flag"
	"os"
	"runtime"
	"time"
)

const mib = 1 << 20

var kept [][]byte

func main() {
	live := flag.Int("live-mib", 32, "mebibytes of live heap from the beginning")
	leaked := flag.Int("leak-mib", 40, "mebibytes that have leaked at the end")
	pause := flag.Duration("pause", 10*time.Millisecond, "time for each mebibyte to leak")
	flag.Parse()

	for i := 0; i < *live; i++ {
		keep(mib)
	}
	for i := 0; i < *leaked; i++ {
		if os.Getenv("BEHAVIOUR") != "off" {
			keep(mib)
		}
		time.Sleep(*pause)
	}
	runtime.GC()
	runtime.KeepAlive(kept)
}

// keep makes a block of memory resident and reachable for ever.
func keep(size int) {
	block := make([]byte, size)
	for i := 0; i < size; i += 4096 {
		block[i] = 1
	}
	kept = append(kept, block)
}
