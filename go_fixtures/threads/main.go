// Threads keeps a thread for each of many goroutines, as code does that locks them or waits in C.
//
// It exercises what a thread costs: two stacks that the runtime allocates among those of goroutines, of
// which each thread uses a few pages; with cgo one of them is the C library's. It is the same on every
// Go version. With BEHAVIOUR=off in its environment the goroutines share their threads, so that one matrix holds both.
package main

import (
	"flag"
	"os"
	"runtime"
	"time"
)

func main() {
	count := flag.Int("threads", 300, "goroutines, each with a thread")
	linger := flag.Duration("linger", 200*time.Millisecond, "how long they stay")
	flag.Parse()

	ready, stop := make(chan struct{}), make(chan struct{})
	for i := 0; i < *count; i++ {
		go func() {
			if os.Getenv("BEHAVIOUR") != "off" {
				runtime.LockOSThread()
			}
			ready <- struct{}{}
			<-stop
		}()
		<-ready
	}
	time.Sleep(*linger)
}
