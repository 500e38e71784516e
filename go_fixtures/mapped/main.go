// Mapped uses memory outside the Go heap: an anonymous mapping of its own, as of a C library or of a
// database's cache.
//
// It exercises nothing of the runtime, and that is what it shows, the same on every Go version: the
// resident set is larger than all that the runtime accounts for, and the mapping is no part of the Go
// heap. With BEHAVIOUR=off in its environment it maps nothing, so that one matrix holds both.
package main

import (
	"flag"
	"fmt"
	"os"
	"syscall"
	"time"
)

func main() {
	mib := flag.Int("mib", 64, "mebibytes of the mapping, all of them resident")
	linger := flag.Duration("linger", 400*time.Millisecond, "how long it stays")
	flag.Parse()

	if os.Getenv("BEHAVIOUR") != "off" {
		_, err := syscall.Mmap(-1, 0, *mib<<20, syscall.PROT_READ|syscall.PROT_WRITE,
			syscall.MAP_ANON|syscall.MAP_PRIVATE|syscall.MAP_POPULATE)
		if err != nil {
			fmt.Fprintln(os.Stderr, "mapped: mmap:", err)
			os.Exit(1)
		}
	}
	time.Sleep(*linger)
}
