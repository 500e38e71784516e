// Deep allocates at as many different deep stacks as it is told to, which are made in one of four ways,
// beside memory that it holds; or it waits at such stacks, and profiles that. It profiles no memory.
package main

import (
	"flag"
	"runtime"
	"strings"
	"sync"
	"time"
)

var (
	kind  = flag.String("kind", "recursion", "recursion, decoder, closures, goroutines or blocking")
	count = flag.Int("count", 12000, "stacks")
	depth = flag.Int("depth", 100, "calls of each")
	sizes = flag.Int("sizes", 1, "sizes of what is allocated")
	next  int
	work  = allocate
)

func main() {
	flag.Parse()
	held := make([]byte, 32<<20+time.Now().Nanosecond()>>3%64<<12) // up to 1 % more: no two runs are equal
	for i := range held {
		held[i] = 1
	}
	runtime.GC()
	if *kind == "blocking" {
		runtime.SetBlockProfileRate(1)
		work = wait
	}
	for i := 1; i <= *count; i++ {
		path := uint64(i) * 0x9E3779B97F4A7C15
		switch *kind {
		case "recursion", "blocking":
			left(path, *depth)
		case "decoder":
			text := document(path, *depth)
			value(&text)
		case "closures":
			nested(path, *depth, [3]int{})
		case "goroutines":
			var group sync.WaitGroup
			group.Add(1)
			go func() { right(path, *depth); group.Done() }()
			group.Wait() // one at a time, so that each does the same in every run
		}
	}
	runtime.KeepAlive(held)
}

// allocate takes memory that is not written.
//
//go:noinline
func allocate() {
	var builder strings.Builder
	builder.Grow(512<<10 + next%*sizes<<13) // the runtime samples most of these
	next++
}

//go:noinline
func wait() {
	told := make(chan bool)
	go func() { told <- true }()
	<-told
}

//go:noinline
func left(path uint64, depth int) { deeper(path, depth) }

//go:noinline
func right(path uint64, depth int) { deeper(path, depth) }

func deeper(path uint64, depth int) {
	switch {
	case depth == 0:
		work()
	case path>>(depth&63)&1 == 0:
		left(path, depth-1)
	default:
		right(path, depth-1)
	}
}

// document is text of nested lists and objects.
func document(path uint64, depth int) string {
	var text strings.Builder
	for i := 0; i < depth; i++ {
		text.WriteByte("[{"[path>>(i&63)&1])
	}
	return text.String() + "\""
}

//go:noinline
func value(text *string) {
	first := (*text)[0]
	*text = (*text)[1:]
	switch first {
	case '[':
		list(text)
	case '{':
		object(text)
	default:
		allocate()
	}
}

//go:noinline
func list(text *string) { value(text) }

//go:noinline
func object(text *string) { value(text) }

func nested[T any](path uint64, depth int, value T) {
	if depth == 0 {
		work()
		return
	}
	further := func() { nested(path, depth-1, value) }
	if path>>(depth&63)&1 == 0 {
		with(value, further)
	} else {
		with(&value, further)
	}
}

//go:noinline
func with[T any](_ T, call func()) { call() }
