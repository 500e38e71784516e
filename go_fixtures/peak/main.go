// Peak takes a lot of memory for a moment, then gives it back to the kernel.
//
// It exercises the return of freed heap to the operating system. What it shows is the same on every Go
// version: the highest resident set grows, while the average and the end stay where they were. With
// BEHAVIOUR=off in its environment it takes nothing, so that one matrix holds both.
package main

import (
	"flag"
	"os"
	"runtime"
	"runtime/debug"
	"time"
)

const mib = 1 << 20

func main() {
	live := flag.Int("live-mib", 32, "mebibytes that are kept to the end")
	burst := flag.Int("burst-mib", 64, "mebibytes that are taken for a moment")
	linger := flag.Duration("linger", 400*time.Millisecond, "time after that")
	flag.Parse()

	kept := take(*live)
	if os.Getenv("BEHAVIOUR") != "off" {
		runtime.KeepAlive(take(*burst))
	}
	debug.FreeOSMemory()
	time.Sleep(*linger)
	runtime.KeepAlive(kept)
}

// take makes so many mebibytes resident.
func take(count int) [][]byte {
	blocks := make([][]byte, count)
	for i := range blocks {
		blocks[i] = make([]byte, mib)
		for j := 0; j < mib; j += 4096 {
			blocks[i][j] = 1
		}
	}
	return blocks
}
