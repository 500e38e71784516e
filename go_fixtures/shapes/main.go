// Shapes uses memory in one of several ways, which the variable SHAPE names, on top of the same live
// heap: flat, leak (goes on growing), churn (much garbage), stacks (deep calls in many goroutines),
// mapped (memory outside the Go heap), fragments (few objects left in many spans), burst (a peak).
//
// It is there for the diagnosis: each shape must get its own name.
package main

import (
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"syscall"
	"time"
)

const mib = 1 << 20

var kept [][]byte

func keep(size int) {
	block := make([]byte, size)
	for i := 0; i < size; i += 4096 {
		block[i] = 1
	}
	kept = append(kept, block)
}

// deep uses about depth KiB of stack, then waits.
func deep(depth int, reached chan<- int, release <-chan int) byte {
	var frame [1024]byte
	frame[depth%len(frame)] = byte(depth)
	if depth > 0 {
		return deep(depth-1, reached, release) + frame[depth/2%len(frame)]
	}
	reached <- 1
	<-release
	return frame[0]
}

func main() {
	for i := 0; i < 32; i++ {
		keep(mib)
	}
	runtime.GC()
	const ticks = 40
	tick := func(each func(i int)) {
		for i := 0; i < ticks; i++ {
			each(i)
			time.Sleep(10 * time.Millisecond)
		}
	}
	switch shape := os.Getenv("SHAPE"); shape {
	case "flat":
		tick(func(int) {})
	case "leak":
		tick(func(int) { keep(mib) })
	case "churn":
		tick(func(int) {
			for i := 0; i < 200; i++ {
				garbage = make([]byte, 64<<10)
			}
		})
	case "stacks":
		const goroutines = 64
		reached, release := make(chan int), make(chan int)
		for i := 0; i < goroutines; i++ {
			go deep(400, reached, release)
		}
		for i := 0; i < goroutines; i++ {
			<-reached
		}
		tick(func(int) {})
	case "mapped":
		block, err := syscall.Mmap(-1, 0, 64*mib, syscall.PROT_READ|syscall.PROT_WRITE,
			syscall.MAP_ANON|syscall.MAP_PRIVATE|syscall.MAP_POPULATE)
		if err != nil {
			panic(err)
		}
		tick(func(int) {})
		runtime.KeepAlive(block)
	case "fragments":
		small = make([]*[512]byte, 128<<10)
		for i := range small {
			small[i] = new([512]byte)
		}
		for i := range small {
			if i%8 != 0 {
				small[i] = nil
			}
		}
		runtime.GC()
		tick(func(int) {})
	case "burst":
		for i := 0; i < 64; i++ {
			keep(mib)
		}
		kept = append([][]byte(nil), kept[:32]...)
		debug.FreeOSMemory()
		tick(func(int) {})
	default:
		fmt.Fprintf(os.Stderr, "unknown SHAPE %q\n", shape)
		os.Exit(2)
	}
	runtime.GC()
	runtime.KeepAlive(kept)
}

var (
	garbage []byte
	small   []*[512]byte
)
