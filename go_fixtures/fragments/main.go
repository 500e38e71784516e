// Fragments fills the heap with small objects and keeps every eighth of them.
//
// It exercises the size-segregated spans of the allocator: memory of a span goes back only when all its
// objects are dead. What it shows is the same on every Go version: heap.unused grows, live heap hardly.
// With BEHAVIOUR=off in its environment it makes no objects, so that one matrix holds both.
package main

import (
	"flag"
	"os"
	"runtime"
	"time"
)

type object [512]byte

func main() {
	mib := flag.Int("mib", 64, "mebibytes of small objects that are made")
	every := flag.Int("keep-every", 8, "one of how many of them is kept")
	linger := flag.Duration("linger", 400*time.Millisecond, "how long they are kept")
	flag.Parse()

	if os.Getenv("BEHAVIOUR") == "off" {
		*mib = 0
	}
	objects := make([]*object, *mib<<20/len(object{}))
	for i := range objects {
		objects[i] = &object{1} // written, so that its page is resident
	}
	for i := range objects {
		if i%*every != 0 {
			objects[i] = nil
		}
	}
	runtime.GC()
	time.Sleep(*linger)
	runtime.GC()
	runtime.KeepAlive(objects)
}
