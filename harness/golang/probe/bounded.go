// Added to runtime/debug beside profile.go where the program does not use the memory profiler itself.

package debug

import _ "unsafe" // for go:linkname

// gomatrixBounded is a variable of package runtime; the linker takes the definition with a value. It holds
// from the first sample on, which may be before any package is initialised.
//
//go:linkname gomatrixBounded runtime.gomatrixBounded
var gomatrixBounded = true
