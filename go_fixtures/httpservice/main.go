// Httpservice answers HTTP: /healthz, and /work, which allocates and remembers a part of it.
package main

import (
	"context"
	"flag"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"sync/atomic"
	"syscall"
	"time"
)

var kept [1024][]byte

func main() {
	address := flag.String("address", "127.0.0.1:8080", "where to listen")
	size := flag.Int("bytes", 64<<10, "bytes that a request allocates")
	never := flag.Bool("never-ready", false, "answer /healthz with an error for ever")
	stubborn := flag.Bool("ignore-sigterm", false, "do not stop when told to")
	crash := flag.Int64("crash-after", 0, "exit with status 7 after so many requests")
	child := flag.Bool("leave-child", false, "start a process and leave it behind")
	flag.Parse()

	if *child {
		command := exec.Command("sleep", "1000")
		command.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
		if err := command.Start(); err != nil {
			panic(err)
		}
		if err := os.WriteFile("child", []byte(strconv.Itoa(command.Process.Pid)), 0o600); err != nil {
			panic(err)
		}
	}
	var served atomic.Int64
	mux := http.NewServeMux()
	mux.HandleFunc("/healthz", func(w http.ResponseWriter, _ *http.Request) {
		if *never {
			http.Error(w, "never", http.StatusServiceUnavailable)
		}
	})
	mux.HandleFunc("/work", func(w http.ResponseWriter, _ *http.Request) {
		n := served.Add(1)
		if *crash > 0 && n > *crash {
			fmt.Println("crashing on purpose")
			os.Exit(7)
		}
		block := make([]byte, *size)
		for i := range block {
			block[i] = byte(n)
		}
		kept[n%int64(len(kept))] = block
		fmt.Fprintln(w, n)
	})
	server := &http.Server{Addr: *address, Handler: mux}
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGTERM)
	go func() {
		for range signals {
			if !*stubborn {
				limit, cancel := context.WithTimeout(context.Background(), time.Second)
				defer cancel()
				server.Shutdown(limit)
				return
			}
		}
	}()
	fmt.Println("listening on", *address)
	if err := server.ListenAndServe(); err != http.ErrServerClosed {
		fmt.Println(err)
		os.Exit(1)
	}
}
