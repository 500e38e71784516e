// Held drops memory that something else still holds: finalizers behind one that never returns, or
// goroutines that wait for what never comes.
//
// It exercises the queue of finalizers, or goroutines. What it shows is the same on every Go version:
// the live heap grows; from Go 1.26 on runtime/metrics counts the finalizers in the queue. With
// BEHAVIOUR=off in its environment nothing holds the memory, so that one matrix holds both.
package main

import (
	"bytes"
	"flag"
	"os"
	"runtime"
	"time"
)

type object struct{ content []byte }

func main() {
	by := flag.String("by", "finalizers", "what holds the memory: finalizers or goroutines")
	count := flag.Int("objects", 1000, "objects that are dropped")
	flag.Parse()

	for i := 0; i < *count; i++ {
		drop(*by)
	}
	for i := 0; i < 3; i++ { // so that the finalizers are queued, and those that have run are freed
		runtime.GC()
		time.Sleep(50 * time.Millisecond)
	}
}

func drop(by string) {
	dropped := &object{content: bytes.Repeat([]byte("x"), 16<<10)}
	switch {
	case os.Getenv("BEHAVIOUR") == "off":
	case by == "goroutines":
		go func() {
			<-make(chan struct{})
			runtime.KeepAlive(dropped)
		}()
	default:
		runtime.SetFinalizer(dropped, func(*object) { select {} })
	}
}
