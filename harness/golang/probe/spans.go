// This file is added to the standard package runtime by `go build -overlay`. It tells where the heap's
// records of spans are, so that the harness reads them from outside while the program waits.

package runtime

import "unsafe"

// gomatrixSpans returns the address of the slice of all records; the size of a record; where in it the span's
// address, number of pages, size of an object, number of objects and state are.
//
//go:linkname gomatrixSpans runtime/debug.gomatrixSpans
func gomatrixSpans() []uintptr {
	var s *mspan // of which only the layout is used
	return []uintptr{
		uintptr(unsafe.Pointer(&mheap_.allspans)),
		unsafe.Sizeof(*s),
		unsafe.Offsetof(s.startAddr),
		unsafe.Offsetof(s.npages),
		unsafe.Offsetof(s.elemsize),
		unsafe.Offsetof(s.allocCount),
		unsafe.Offsetof(s.state),
	}
}
