// Largebuffers keeps large buffers of which only a part is used: slices, channels or maps, of elements
// with or without pointers.
//
// It exercises the allocation of large objects. Up to Go 1.23 memory fresh from the kernel is not zeroed
// a second time, so that the unused part of a buffer never becomes resident. Go 1.24.3 zeroes it always
// where it holds pointers (golang/go issue 72991): with the defaults and -retain-mib=256 the resident set
// of slices and channels grows by 60 %, of maps by 6 %, of ints not at all, while the runtime's own
// metrics show nothing and no experiment matters. Go 1.24.11 has the fix.
//
// Maps that are hardly filled (-kind=map -used-percent=2) are another matter: a Swiss table (Go 1.24)
// writes to every group when it is made, so that 70 to 80 % more is resident, pointers or not, in
// 1.24.11 too.
package main

import (
	"flag"
	"fmt"
	"os"
	"runtime"
)

type element struct{ value int }

// slot is a map's value: so large that a table of the map is a large object on every Go version.
type slot[T any] [8]T

func main() {
	kind := flag.String("kind", "slice", "slice, chan or map")
	elem := flag.String("elem", "pointer", "elements: pointer, or int")
	retain := flag.Int("retain-mib", 400, "mebibytes of buffers to keep")
	size := flag.Int("buffer-kib", 1024, "size of one buffer in kibibytes")
	used := flag.Int("used-percent", 62, "part of each buffer that is filled")
	flag.Parse()

	buffers := make([]any, *retain<<10 / *size)
	for i := range buffers {
		switch *elem {
		case "pointer":
			buffers[i] = fill(*kind, *size<<10, *used, &element{})
		case "int":
			buffers[i] = fill(*kind, *size<<10, *used, 1)
		default:
			fail("unknown -elem", *elem)
		}
	}
	runtime.GC() // so that what the runtime calls live is counted at a defined point
	fmt.Printf("%d buffers of %d KiB, %d %% used\n", len(buffers), *size, *used)
	runtime.KeepAlive(buffers)
}

// fill makes a buffer of about so many bytes, and fills a part of it with one value.
func fill[T any](kind string, size, percent int, value T) any {
	const word = 8
	switch kind {
	case "slice":
		capacity := size / word
		buffer := make([]T, 0, capacity)
		for len(buffer) < capacity*percent/100 {
			buffer = append(buffer, value)
		}
		return buffer
	case "chan":
		capacity := size / word
		buffer := make(chan T, capacity)
		for len(buffer) < capacity*percent/100 {
			buffer <- value
		}
		return buffer
	case "map":
		capacity := size / word / (len(slot[T]{}) + 1) * 7 / 8 // as full as a map lets itself get
		buffer := make(map[int]slot[T], capacity)
		for len(buffer) < capacity*percent/100 {
			buffer[len(buffer)] = slot[T]{value}
		}
		return buffer
	}
	fail("unknown -kind", kind)
	return nil
}

func fail(words ...any) {
	fmt.Fprintln(os.Stderr, append([]any{"largebuffers:"}, words...)...)
	os.Exit(2)
}
