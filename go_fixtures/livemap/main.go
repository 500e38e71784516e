// Livemap builds one large map and keeps it.
//
// It exercises the built-in map. Go 1.24 brought the Swiss Tables implementation (experiment
// swissmap): the same content takes another amount of heap, and kernel and runtime agree about it.
package main

import (
	"flag"
	"fmt"
	"runtime"
)

type value [4]uint64

// live outlives main, so that the heap profile, taken after it, shows what filled it.
var live = make(map[uint64]value)

func main() {
	entries := flag.Int("entries", 1_500_000, "entries of the map")
	flag.Parse()

	fill(*entries)
	runtime.GC()
	fmt.Printf("%d entries\n", len(live))
}

// fill gives the map so many entries, whose keys are spread over all bits.
func fill(entries int) {
	for i := 0; i < entries; i++ {
		key := uint64(i) * 0x9E3779B97F4A7C15
		live[key] = value{key}
	}
}
