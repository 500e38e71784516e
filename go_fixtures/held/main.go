// Held drops memory that something else still holds: finalizers or cleanups behind those that never return,
// goroutines that wait for what never comes, or timers; or it keeps weak pointers to what has gone.
//
// It exercises the queues of finalizers and cleanups, goroutines, timers and weak pointers. What it shows is
// the same on every Go version that has them (cleanups and weak pointers: 1.24): the live heap grows; from
// Go 1.26 on runtime/metrics counts the finalizers and cleanups in the queues. With BEHAVIOUR=off in its
// environment nothing holds the memory, so that one matrix holds both.
package main

import (
	"bytes"
	"flag"
	"os"
	"runtime"
	"time"
)

// Go 1.24 and newer have both; the first cleanups never return.
var (
	cleanUp func(dropped *object, content []byte)
	watch   func(*object)
)

type object struct{ content []byte }

func main() {
	by := flag.String("by", "finalizers", "what holds the memory: finalizers, cleanups, goroutines, timers or weak (pointers)")
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
	case by == "timers":
		for i := 0; i < 100; i++ {
			time.AfterFunc(time.Hour, func() {})
		}
	case by == "cleanups":
		cleanUp(dropped, dropped.content)
	case by == "weak":
		for i := 0; i < 400; i++ {
			watch(&object{})
		}
	default:
		runtime.SetFinalizer(dropped, func(*object) { select {} })
	}
}
