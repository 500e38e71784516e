// Syncmap fills a sync.Map and reads it from several goroutines.
//
// It exercises sync.Map, which is a concurrent hash trie since Go 1.24 (experiment synchashtriemap, no
// longer a choice from 1.26 on). With the defaults the program took 15 to 16 % more resident memory with
// 1.24.3 than with 1.23.9; with nosynchashtriemap that was gone, and noswissmap made no difference.
package main

import (
	"flag"
	"fmt"
	"runtime"
	"sync"
)

// entries outlive main, so that the heap profile, taken after it, shows who made them.
var entries sync.Map

func main() {
	count := flag.Int("entries", 200_000, "entries of the map")
	readers := flag.Int("readers", 4, "goroutines that read it")
	reads := flag.Int("reads", 500_000, "reads of each")
	flag.Parse()

	for i := 0; i < *count; i++ {
		entries.Store(i, i)
	}
	var done sync.WaitGroup
	found := make([]int, *readers)
	for r := range found {
		done.Add(1)
		go func(r int) {
			defer done.Done()
			for i := 0; i < *reads; i++ {
				if _, ok := entries.Load((i*31 + r) % (2 * *count)); ok {
					found[r]++
				}
			}
		}(r)
	}
	done.Wait()
	runtime.GC()
	fmt.Println("found", found)
}
