// Go 1.21 and 1.22: added to runtime/debug beside probe.go.

package debug

import _ "unsafe" // for go:linkname

func gomatrixAddExitHook(f func()) {
	gomatrixRuntimeAddExitHook(f, true)
}

//go:linkname gomatrixRuntimeAddExitHook runtime.addExitHook
func gomatrixRuntimeAddExitHook(f func(), runOnNonZeroExit bool)
