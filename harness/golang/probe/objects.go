// This file is added to the standard package runtime by `go build -overlay`. It tells the probe where the
// objects are that the memory profiler has sampled.

package runtime

import "unsafe"

// gomatrixObject is an object, as runtime/debug has it too.
type gomatrixObject struct {
	bucket  uintptr // address of its bucket
	address uintptr // of its slot
	size    uintptr // of its slot, in bytes
}

// gomatrixObjects fills found with sampled objects that have not been freed, and returns how many there are.
// The program stands still meanwhile, and with it all that changes spans and their lists.
//
//go:linkname gomatrixObjects runtime/debug.gomatrixObjects
func gomatrixObjects(found []gomatrixObject) (n int) {
	stopped := stopTheWorldGC(stwGoroutineProfile)
	for _, span := range mheap_.allspans {
		if span.state.get() != mSpanInUse {
			continue
		}
		for s := span.specials; s != nil; s = s.next {
			if s.kind != _KindSpecialProfile {
				continue
			}
			if n < len(found) {
				slot := uintptr(s.offset) / span.elemsize
				found[n] = gomatrixObject{
					uintptr(unsafe.Pointer((*specialprofile)(unsafe.Pointer(s)).b)),
					span.base() + slot*span.elemsize, span.elemsize,
				}
			}
			n++
		}
	}
	startTheWorldGC(stopped)
	return n
}

// gomatrixStack returns the stack that a bucket is of, which is never freed.
//
//go:linkname gomatrixStack runtime/debug.gomatrixStack
func gomatrixStack(address uintptr) []uintptr {
	return (*bucket)(unsafe.Pointer(address)).stk()
}
