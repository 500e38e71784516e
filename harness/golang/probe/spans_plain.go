// This file takes the place of spans.go for a runtime that has other records of spans.

package runtime

import _ "unsafe" // for go:linkname

//go:linkname gomatrixSpans runtime/debug.gomatrixSpans
func gomatrixSpans() []uintptr { return nil }
