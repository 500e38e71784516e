// Locals has a large local variable in a function that is called often.
//
// It exercises the compiler's choice between stack and heap. What it shows: up to Go 1.23 variables of up
// to 10 MiB are on the stack, from Go 1.24 on those of more than 128 KiB are made on the heap, anew for
// each call.
package main

import (
	"flag"
	"fmt"
	"runtime"
)

func main() {
	calls := flag.Int("calls", 2000, "calls of the function")
	flag.Parse()

	total := 0
	for i := 0; i < *calls; i++ {
		total += digest(i)
	}
	runtime.GC() // so that what the runtime calls live is counted at a defined point
	fmt.Println(total)
}

//go:noinline
func digest(seed int) int {
	var block [160 << 10]byte
	for i := seed % 64; i < len(block); i += 64 {
		block[i] = byte(i)
	}
	sum := 0
	for _, b := range block {
		sum += int(b)
	}
	return sum
}
