// Burst takes memory, touches it and gives it back to the kernel at once: its peak lasts a few
// milliseconds. Last it prints the peak that the kernel saw, in bytes.
package main

import (
	"flag"
	"fmt"
	"os"
	"regexp"
	"syscall"
)

func main() {
	mib := flag.Int("mib", 200, "MiB to take")
	flag.Parse()
	block, err := syscall.Mmap(-1, 0, *mib<<20, syscall.PROT_READ|syscall.PROT_WRITE,
		syscall.MAP_ANON|syscall.MAP_PRIVATE|syscall.MAP_POPULATE)
	if err != nil {
		panic(err)
	}
	if err := syscall.Munmap(block); err != nil {
		panic(err)
	}
	status, _ := os.ReadFile("/proc/self/status")
	kib := 0
	fmt.Sscan(string(regexp.MustCompile(`VmHWM:\s+(\d+)`).FindSubmatch(status)[1]), &kib)
	fmt.Println(kib << 10)
}
