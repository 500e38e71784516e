// Largebuffers keeps large slices of pointers of which only a part is used.
//
// It exercises the allocation of large objects that hold pointers. Up to Go 1.23 memory fresh from
// the kernel was not zeroed a second time, so that the unused part of each buffer never became
// resident. Go 1.24.3 zeroes it always (golang/go issue 72991): the resident set grows by the unused
// part, while the runtime's own metrics show nothing. Go 1.24.11 has the fix.
package main

import (
	"flag"
	"fmt"
	"runtime"
)

type element struct{ value int }

func main() {
	retain := flag.Int("retain-mib", 400, "mebibytes of buffers to keep")
	size := flag.Int("buffer-kib", 1024, "size of one buffer in kibibytes")
	used := flag.Int("used-percent", 62, "part of each buffer that is filled")
	flag.Parse()

	const pointer = 8
	capacity := *size << 10 / pointer
	filled := capacity * *used / 100
	shared := &element{value: 1}
	buffers := make([][]*element, *retain<<10 / *size)
	for i := range buffers {
		buffer := make([]*element, 0, capacity)
		for len(buffer) < filled {
			buffer = append(buffer, shared)
		}
		buffers[i] = buffer
	}
	runtime.GC() // so that what the runtime calls live is counted at a defined point
	fmt.Printf("%d buffers of %d KiB, %d %% used\n", len(buffers), *size, *used)
	runtime.KeepAlive(buffers)
}
