// Hugepages keeps a large block of which it uses one page in sixteen, and asks for huge pages.
//
// It exercises transparent huge pages: where a single byte of 2 MiB is touched, the kernel makes all of
// it resident. What it shows is the same on every Go version, if the kernel grants huge pages on
// request: the resident set grows by the unused part, and the runtime's own metrics show nothing. With
// BEHAVIOUR=off in its environment it asks for none, so that one matrix holds both.
package main

import (
	"flag"
	"log"
	"os"
	"runtime"
	"syscall"
	"time"
)

// From the kernel's include/uapi/asm-generic/mman-common.h.
const (
	hugePages   = 14
	noHugePages = 15
)

func main() {
	mib := flag.Int("mib", 64, "mebibytes of the block")
	linger := flag.Duration("linger", 200*time.Millisecond, "how long it is kept")
	flag.Parse()

	block := make([]byte, *mib<<20)
	advice := hugePages
	if os.Getenv("BEHAVIOUR") == "off" {
		advice = noHugePages
	}
	if err := syscall.Madvise(block, advice); err != nil {
		log.Fatal(err)
	}
	for i := 0; i < len(block); i += 64 << 10 {
		block[i] = 1
	}
	time.Sleep(*linger)
	runtime.KeepAlive(block)
}
