// Effort works hard with memory and prints, last of all, what that cost by its own account:
// {"ended": seconds of the monotonic clock, "cpu": seconds, "peak": bytes}. With -stopped it stops before
// it begins, until somebody sends SIGCONT.
package main

import (
	"encoding/json"
	"flag"
	"os"
	"regexp"
	"runtime"
	"runtime/debug"
	"strconv"
	"syscall"
	"unsafe"
)

type node struct {
	next  *node
	value [7]int
}

func main() {
	kind := flag.String("kind", "faults", "faults, or gc")
	mib := flag.Int("mib", 400, "MiB at the peak")
	rounds := flag.Int("rounds", 3, "how often")
	stopped := flag.Bool("stopped", false, "wait for SIGCONT")
	flag.Parse()
	if *stopped {
		syscall.Kill(os.Getpid(), syscall.SIGSTOP)
	}
	switch *kind {
	case "faults":
		faults(*mib, *rounds)
	case "gc":
		collect(*mib, *rounds)
	}
	var usage syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &usage)
	var now syscall.Timespec
	syscall.RawSyscall(syscall.SYS_CLOCK_GETTIME, 1, uintptr(unsafe.Pointer(&now)), 0)
	status, _ := os.ReadFile("/proc/self/status")
	kib, _ := strconv.Atoi(string(regexp.MustCompile(`VmHWM:\s+(\d+)`).FindSubmatch(status)[1]))
	json.NewEncoder(os.Stdout).Encode(map[string]float64{
		"ended": float64(now.Nano()) / 1e9,
		"cpu":   float64(usage.Utime.Nano()+usage.Stime.Nano()) / 1e9,
		"peak":  float64(kib << 10),
	})
}

// faults maps memory, touches each page once, and gives it back.
func faults(mib, rounds int) {
	for r := 0; r < rounds; r++ {
		block, err := syscall.Mmap(-1, 0, mib<<20, syscall.PROT_READ|syscall.PROT_WRITE,
			syscall.MAP_ANON|syscall.MAP_PRIVATE)
		if err != nil {
			panic(err)
		}
		syscall.Madvise(block, 15) // no huge pages: each page is a fault of its own
		for i := 0; i < len(block); i += 4096 {
			block[i] = 1
		}
		if err := syscall.Munmap(block); err != nil {
			panic(err)
		}
	}
}

// collect fills the heap with small objects and has the collector mark them all, again and again. It
// runs when it is told to only, so that each run of the program does the same.
func collect(mib, rounds int) {
	debug.SetGCPercent(-1)
	live := make([]*node, 1024)
	for i := 0; i < mib<<20/64; i++ {
		slot := i % len(live)
		live[slot] = &node{next: live[slot]}
	}
	for r := 0; r < rounds; r++ {
		runtime.GC()
	}
	runtime.KeepAlive(live)
}
