// Awkward does, by its first argument, what makes a program hard to watch.
package main

import (
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"strings"
	"syscall"
	"time"
	"unsafe"
)

var fromInit = os.Getenv("GOMATRIX_PROBE")

func main() {
	switch os.Args[1] {
	case "close": // what it inherited, and reuses the numbers for a file of its own
		for fd := 3; fd < 256; fd++ {
			syscall.Close(fd)
		}
		file, err := syscall.Open("own", syscall.O_RDWR|syscall.O_CREAT, 0o644)
		check(err)
		for fd := 90; fd < 120; fd++ {
			check(syscall.Dup3(file, fd, 0))
		}
		defer func() {
			content, _ := os.ReadFile("own")
			fmt.Printf("own file holds %d bytes\n", len(content))
		}()
	case "exit":
		os.Exit(3)
	case "syscall-exit":
		syscall.Exit(4)
	case "panic":
		panic("on purpose")
	case "segfault":
		syscall.Kill(os.Getpid(), syscall.SIGSEGV)
		select {}
	case "term": // a signal that it does not handle
		syscall.Kill(os.Getpid(), syscall.SIGTERM)
		select {}
	case "handle": // a signal that it does handle
		signals := make(chan os.Signal, 1)
		signal.Notify(signals, syscall.SIGTERM)
		syscall.Kill(os.Getpid(), syscall.SIGTERM)
		<-signals
		time.Sleep(50 * time.Millisecond)
		fmt.Println("handled")
	case "exec": // becomes another program
		check(syscall.Exec("/bin/sh", []string{"sh", "-c", "echo replaced; exit 5"}, os.Environ()))
	case "daemon": // leaves a process of its own session behind
		command := exec.Command("/bin/sh", "-c", "echo $$ > pid; exec sleep 1000")
		command.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
		check(command.Start())
		for _, err := os.Stat("pid"); err != nil; _, err = os.Stat("pid") {
			time.Sleep(time.Millisecond)
		}
	case "itself": // which file it is, and whether that can be started again
		path, err := os.Executable()
		check(err)
		var stat syscall.Stat_t
		check(syscall.Stat(path, &stat))
		fmt.Println(path, stat.Ino)
		check(exec.Command(path, "nothing").Run())
	case "environment":
		fmt.Println(strings.Join(os.Environ(), "\n"))
		fmt.Printf("at init: %q\n", fromInit)
	case "descriptors":
		for fd := 0; fd < 256; fd++ {
			var stat syscall.Stat_t
			if syscall.Fstat(fd, &stat) == nil {
				fmt.Println(fd)
			}
		}
	case "fork": // without exec; the child is one that SIGTERM ends
		child, _, errno := syscall.RawSyscall(syscall.SYS_CLONE, uintptr(syscall.SIGCHLD), 0, 0)
		if errno != 0 {
			panic(errno)
		}
		for child == 0 {
			pause := syscall.Timespec{Sec: 1}
			syscall.RawSyscall(syscall.SYS_NANOSLEEP, uintptr(unsafe.Pointer(&pause)), 0, 0)
		}
		time.Sleep(20 * time.Millisecond)
		check(syscall.Kill(int(child), syscall.SIGTERM))
		var status syscall.WaitStatus
		_, err := syscall.Wait4(int(child), &status, 0, nil)
		check(err)
		fmt.Println("child ended by", status.Signal())
	case "deadlock": // at once
		select {}
	case "deadlock-late": // when all that is the probe's has long been waiting, and has been asked
		time.Sleep(500 * time.Millisecond)
		make(chan int) <- 1
	case "goexit":
		runtime.Goexit()
	case "goroutines":
		time.Sleep(20 * time.Millisecond)
		fmt.Println(runtime.NumGoroutine())
		stack := make([]byte, 1<<16)
		fmt.Printf("%s", stack[:runtime.Stack(stack, true)])
	case "hup": // another, when all that is the probe's has long been waiting
		time.Sleep(50 * time.Millisecond)
		syscall.Kill(os.Getpid(), syscall.SIGHUP)
		select {}
	case "reset": // handles a signal, and then no more
		signals := make(chan os.Signal, 1)
		signal.Notify(signals, syscall.SIGTERM)
		syscall.Kill(os.Getpid(), syscall.SIGTERM)
		<-signals
		signal.Reset(syscall.SIGTERM)
		syscall.Kill(os.Getpid(), syscall.SIGTERM)
		time.Sleep(time.Hour)
	case "forever":
		time.Sleep(time.Hour)
	case "let-go": // of 128 MiB, after three seconds
		var keep [][]byte
		for i := 0; i < 128; i++ {
			keep = append(keep, make([]byte, 1<<20))
		}
		time.Sleep(3 * time.Second)
		runtime.KeepAlive(keep)
		keep = nil
		runtime.GC()
	case "hog":
		var keep [][]byte
		for {
			block := make([]byte, 8<<20)
			for i := range block {
				block[i] = 1
			}
			keep = append(keep, block)
		}
	case "chatter":
		for i := 0; i < 200_000; i++ {
			fmt.Println("line", i)
		}
	}
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}
