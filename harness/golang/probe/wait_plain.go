// This file takes the place of wait.go for a runtime that has not all that wait.go needs: it is
// added to runtime/debug. Signals kill without a snapshot, and the program sees a goroutine that
// waits for requests.

package debug

import "syscall"

func gomatrixOnSignal(act func()) {}

func gomatrixServe(fd int32, answer func(command int32) bool) {
	go func() {
		for {
			var command [1]byte
			n, err := syscall.Read(int(fd), command[:])
			result := int32(command[0])
			if errno, ok := err.(syscall.Errno); ok {
				result = -int32(errno)
			} else if n != 1 {
				result = -1
			}
			if !answer(result) {
				return
			}
		}
	}()
}
