// Go 1.23 and later: added to runtime/debug beside probe.go.

package debug

import "internal/runtime/exithook"

func gomatrixAddExitHook(f func()) {
	exithook.Add(exithook.Hook{F: f, RunOnFailure: true})
}
