// Pacing keeps the same live heap always, and lets the collector, or the allocator, keep more beside it.
//
// It exercises the collector's goal (-by=percent and -by=limit, as GOGC and GOMEMLIMIT set it), what is
// allocated after the last collection (-by=garbage), and the runtime's records of spans (-by=spans): of
// 8 KiB each that nobody writes to, so that they are not resident, but their records are. It is the same on
// every Go version. With BEHAVIOUR=off in its environment it does none of these, so that one matrix holds both.
package main

import (
	"flag"
	"os"
	"runtime"
	"runtime/debug"
	"time"
)

const block = 8 << 10

var kept, garbage []byte

func main() {
	by := flag.String("by", "percent", "what keeps memory: percent, limit, garbage or spans")
	flag.Parse()
	on := os.Getenv("BEHAVIOUR") != "off"
	kept = written(32 << 20) // beside it, garbage that is made while the collector marks is little
	runtime.GC()
	switch *by {
	case "percent":
		if on {
			debug.SetGCPercent(400)
		}
		litter(80 << 20) // less than what starts a collection then: garbage made while one marks counts as live
	case "limit":
		if on {
			debug.SetGCPercent(-1)
			debug.SetMemoryLimit(160 << 20)
		}
		litter(200 << 20)
	case "garbage":
		if on {
			litter(12 << 20) // less than what starts a collection
		}
	case "spans":
		reserve(on)
	}
}

// litter makes garbage.
func litter(size int) {
	for ; size > 0; size -= block {
		garbage = written(block)
	}
}

// reserve takes spans, bit by bit, and does not use them.
func reserve(on bool) {
	const batches = 20
	blocks := make([][]byte, 64<<10)
	for i := range blocks {
		if i%(len(blocks)/batches) == 0 {
			time.Sleep(50 * time.Millisecond)
		}
		if on {
			blocks[i] = make([]byte, block)
		}
	}
	runtime.KeepAlive(blocks)
}

func written(size int) []byte {
	made := make([]byte, size)
	for i := 0; i < len(made); i += 4096 {
		made[i] = 1
	}
	return made
}
