// Varmake makes small slices whose size is known only at run time.
//
// It exercises where the compiler puts them. From go1.25 on they are on the stack, and allocate nothing;
// before that, and with -gcflags=all=-d=variablemakehash=n, each is an allocation: 100,000 of them here.
// main.table makes a slice in the same way, but once. With -words a second place makes as many again.
package main

import "flag"

var sum int

func main() {
	blocks := flag.Int("blocks", 100_000, "slices made by one function")
	words := flag.Int("words", 0, "slices made by another one")
	size := flag.Int("size", 24, "length of each")
	flag.Parse()

	sum += table(*size)
	for i := 0; i < *blocks; i++ {
		sum += block(*size)
	}
	for i := 0; i < *words; i++ {
		sum += word(*size)
	}
}

//go:noinline
func block(size int) int {
	buffer := make([]byte, size)
	return fill(buffer)
}

//go:noinline
func word(size int) int {
	buffer := make([]byte, size)
	return fill(buffer) + 1
}

//go:noinline
func table(size int) int {
	buffer := make([]byte, size)
	return fill(buffer) + 2
}

//go:noinline
func fill(buffer []byte) int {
	for i := range buffer {
		buffer[i] = byte(i)
	}
	return len(buffer)
}
