// Ownprofile writes its own heap profile, in base64, as the last thing that it does. What it allocates
// comes from small and large objects, generic, inlined and closed-over functions, a deep stack and a
// name that is not ASCII. Each place that a test looks for allocates at least 32 MiB: the runtime
// samples every 512 KiB on average, and misses a place of 2 MiB in one run of e^4 (55).
package main

import (
	"bytes"
	"encoding/base64"
	"os"
	"runtime"
	"runtime/pprof"
)

var kept [][]byte

func main() {
	for i := 0; i < 400000; i++ {
		größe(100)
		keep(generic[int64](20))
	}
	func() { keep(make([]byte, 32<<20)) }()
	deep(60)
	for i := 0; i < 100; i++ {
		drop(64 << 10)
	}
	os.Stdout.WriteString(profile())
	runtime.KeepAlive(kept)
}

//go:noinline
func größe(size int) { keep(inlined(size)) }

func inlined(size int) []byte { return make([]byte, size) }

//go:noinline
func generic[T any](count int) []byte {
	values := make([]T, count)
	runtime.KeepAlive(values)
	return make([]byte, 8*count)
}

//go:noinline
func deep(depth int) {
	if depth == 0 {
		keep(make([]byte, 32<<20))
		return
	}
	deep(depth - 1)
}

//go:noinline
func drop(size int) { runtime.KeepAlive(make([]byte, size)) }

func keep(block []byte) { kept = append(kept, block) }

func profile() string {
	runtime.GC()
	var buffer bytes.Buffer
	if err := pprof.Lookup("heap").WriteTo(&buffer, 0); err != nil {
		panic(err)
	}
	return base64.StdEncoding.EncodeToString(buffer.Bytes())
}
