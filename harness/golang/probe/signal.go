// Added to os/signal: only that package knows who asked for a signal.

package signal

import "syscall"

// GomatrixHandled tells whether anybody but the probe asked to be notified of a signal.
func GomatrixHandled(s syscall.Signal) bool {
	handlers.Lock()
	defer handlers.Unlock()
	return handlers.ref[s] > 1
}
