// Contended lets many goroutines fight for one lock.
//
// It exercises the runtime's own mutexes, by a channel that all goroutines use at once (-on=chan), or
// sync.Mutex, whose waiters are queued under such a mutex (-on=mutex). Go 1.24 alone knows another kind of
// them by name (experiment spinbitmutex). It needs several CPUs (trials.cpus); on two, a single round of
// each variant gave nothing to claim.
package main

import (
	"flag"
	"fmt"
	"os"
	"sync"
)

func main() {
	on := flag.String("on", "chan", "what they fight for: chan, or mutex")
	goroutines := flag.Int("goroutines", 64, "how many")
	operations := flag.Int("operations", 200_000, "times that each takes the lock")
	flag.Parse()

	var operate func()
	switch *on {
	case "chan":
		queue := make(chan int, *goroutines)
		operate = func() { queue <- 1; <-queue }
	case "mutex":
		var lock sync.Mutex
		count := 0
		operate = func() { lock.Lock(); count++; lock.Unlock() }
	default:
		fmt.Fprintln(os.Stderr, "contended: unknown -on", *on)
		os.Exit(2)
	}
	var done sync.WaitGroup
	for i := 0; i < *goroutines; i++ {
		done.Add(1)
		go func() {
			defer done.Done()
			for i := 0; i < *operations; i++ {
				operate()
			}
		}()
	}
	done.Wait()
}
