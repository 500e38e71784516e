// Finalized sets a finalizer on each of many objects that stay.
//
// It exercises the runtime's records of finalizers, which are in none of its heap's numbers but in
// /memory/classes/other:bytes, 48 bytes each. It is the same on every Go version. With BEHAVIOUR=off in
// its environment the same objects have no finalizers, so that one matrix holds both.
package main

import (
	"flag"
	"os"
	"runtime"
	"time"
)

type object struct{ next *object }

func main() {
	count := flag.Int("objects", 200_000, "objects that stay")
	batches := flag.Int("batches", 20, "in how many batches they are made")
	pause := flag.Duration("pause", 20*time.Millisecond, "time from one batch to the next")
	flag.Parse()

	objects := make([]*object, *count)
	for i := range objects {
		objects[i] = &object{next: &object{}}
	}
	for batch := 0; batch < *batches; batch++ {
		for i := batch; i < len(objects) && os.Getenv("BEHAVIOUR") != "off"; i += *batches {
			runtime.SetFinalizer(objects[i], func(*object) {})
		}
		time.Sleep(*pause)
	}
	runtime.GC()
	runtime.KeepAlive(objects)
}
