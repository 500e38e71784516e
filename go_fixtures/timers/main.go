// Timers waits for what is there already, again and again, with a time limit that is never reached.
//
// It exercises how channels of timers are kept. Before Go 1.23, and with GODEBUG=asynctimerchan=1, which
// is the default for modules with a go line before 1.23, a timer that nobody waits for is kept until it
// fires: 100,000 waits keep 20 MB (go1.23.9, go1.25.5). Otherwise it is garbage at once. Timers that are
// stopped, as those of main.renew, never matter. With -tickers a second place keeps as much again.
package main

import (
	"flag"
	"runtime"
	"time"
)

func main() {
	waits := flag.Int("waits", 100_000, "waits with a limit of an hour")
	tickers := flag.Int("tickers", 0, "tickers that are not stopped")
	renewals := flag.Int("renewals", 1000, "timers that are stopped")
	flag.Parse()

	done := make(chan struct{})
	close(done)
	for i := 0; i < *waits; i++ {
		await(done)
	}
	for i := 0; i < *tickers; i++ {
		watch(done)
	}
	for i := 0; i < *renewals; i++ {
		renew()
	}
	runtime.GC()
}

// await leaves its timer behind.
func await(done <-chan struct{}) {
	select {
	case <-done:
	case <-time.After(time.Hour):
	}
}

// watch leaves its ticker behind.
func watch(done <-chan struct{}) {
	ticker := time.NewTicker(time.Hour)
	select {
	case <-done:
	case <-ticker.C:
	}
}

// renew leaves nothing behind.
func renew() {
	timer := time.NewTimer(time.Hour)
	timer.Stop()
}
