// This file is added to the standard package runtime by `go build -overlay`. It lets the probe wait
// for a signal or a request as if it were not there: both wait in system goroutines, which neither
// runtime.NumGoroutine nor a stack dump shows, and their threads count as the runtime's own, so that
// a program all of whose goroutines wait for ever still ends as "all goroutines are asleep".

package runtime

import (
	"internal/runtime/atomic"
	"unsafe"
)

// States of gomatrixSignal. From gomatrixCaught on, the low byte is the signal.
const (
	gomatrixOff    uint32 = iota // signals do what they would do without the probe
	gomatrixReady                // one would be caught; nobody waits for it yet
	gomatrixAsleep               // a hidden thread waits for it
	gomatrixCaught uint32 = 256
)

var (
	gomatrixSignal  uint32
	gomatrixProcess int // the one whose thread waits
)

// gomatrixOnSignal has act called when a signal is about to kill the program, which then dies of it.
//
// It returns when a thread waits, and must be called while packages are initialised: then the main
// goroutine holds the main thread, so that another one waits. Signals go to the main thread first; if
// that were the one that waits, a program that signals itself might fall asleep before it is caught.
//
//go:linkname gomatrixOnSignal runtime/debug.gomatrixOnSignal
func gomatrixOnSignal(act func()) {
	gomatrixProcess = getpid()
	atomic.Store(&gomatrixSignal, gomatrixReady)
	go gomatrixAwaitSignal(act)
	for atomic.Load(&gomatrixSignal) == gomatrixReady {
		Gosched()
	}
}

func gomatrixAwaitSignal(act func()) {
	gomatrixSleep()
	act()
	dieFromSignal(atomic.Load(&gomatrixSignal) & (gomatrixCaught - 1))
}

// gomatrixDie is what sighandler calls instead of dieFromSignal. If the probe takes charge of the
// signal, it returns, and so does sighandler.
//
//go:noinline
//go:nowritebarrierrec
func gomatrixDie(signal uint32) {
	if !gomatrixCatch(signal) {
		dieFromSignal(signal)
	}
}

// gomatrixCatch tells whether the probe takes charge of a signal. The thread that waits is hidden no more from here
// on, for the program may fall asleep before that thread has woken.
func gomatrixCatch(signal uint32) bool {
	for {
		state := atomic.Load(&gomatrixSignal)
		switch {
		case state == gomatrixOff || getpid() != gomatrixProcess: // in the child of a bare fork
			return false
		case state >= gomatrixCaught:
			return true // it dies of the first
		case atomic.Cas(&gomatrixSignal, state, gomatrixCaught|signal):
			if state == gomatrixAsleep {
				atomic.Xaddint32(&sched.nmsys, -1)
			}
			futexwakeup(&gomatrixSignal, 1)
			return true
		}
	}
}

// gomatrixSleep returns when a signal has been caught. Like notetsleepg, it must not grow its stack
// between the calls that give the processor up and take one again.
//
//go:nosplit
func gomatrixSleep() {
	entersyscallblock()
	systemstack(func() {
		lock(&sched.lock)
		atomic.Xaddint32(&sched.nmsys, 1)
		if atomic.Cas(&gomatrixSignal, gomatrixReady, gomatrixAsleep) {
			checkdead()
		} else { // caught before
			atomic.Xaddint32(&sched.nmsys, -1)
		}
		unlock(&sched.lock)
	})
	for atomic.Load(&gomatrixSignal) == gomatrixAsleep {
		futexsleep(&gomatrixSignal, gomatrixAsleep, -1)
	}
	exitsyscall()
}

// gomatrixServe calls answer with each byte read from a descriptor, or with a negative error number
// or nothing (-1), until answer tells it to stop. Like gomatrixOnSignal, it leaves the main thread be.
//
//go:linkname gomatrixServe runtime/debug.gomatrixServe
func gomatrixServe(fd int32, answer func(command int32) bool) {
	go gomatrixAwaitRequests(fd, answer)
	for atomic.Load(&gomatrixReading) == 0 {
		Gosched()
	}
}

func gomatrixAwaitRequests(fd int32, answer func(command int32) bool) {
	for answer(gomatrixRead(fd)) {
	}
}

var (
	gomatrixCommand byte
	gomatrixReading uint32 // since the first wait
)

//go:nosplit
func gomatrixRead(fd int32) int32 {
	entersyscallblock()
	systemstack(func() {
		lock(&sched.lock)
		atomic.Xaddint32(&sched.nmsys, 1)
		atomic.Store(&gomatrixReading, 1)
		checkdead()
		unlock(&sched.lock)
	})
	n := read(fd, unsafe.Pointer(&gomatrixCommand), 1)
	systemstack(func() {
		lock(&sched.lock)
		atomic.Xaddint32(&sched.nmsys, -1)
		unlock(&sched.lock)
	})
	exitsyscall()
	if n == 1 {
		return int32(gomatrixCommand)
	}
	if n == 0 {
		return -1
	}
	return n
}
