// Added to runtime/debug where wait.go is in the runtime.

package debug

func gomatrixOnSignal(act func())
func gomatrixServe(fd int32, answer func(command int32) bool)
