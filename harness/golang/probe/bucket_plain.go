// This file takes the place of bucket.go in a runtime whose memory profiler does not read as bucket.go needs
// it: its stacks are as deep and as many as the runtime keeps them, and nobody knows what they take.

package runtime

import _ "unsafe" // for go:linkname

//go:linkname gomatrixBounded
var gomatrixBounded bool

//go:linkname gomatrixProfiler runtime/debug.gomatrixProfiler
func gomatrixProfiler() uintptr {
	if gomatrixBounded { // on for the probe's sake
		return ^uintptr(0)
	}
	return 0
}
