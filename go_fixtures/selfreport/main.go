// Selfreport keeps memory for a moment and then prints, last of all, what the kernel and the Go runtime say of
// it: {"status": {"VmHWM": bytes, …}, "metrics": {"/memory/classes/total:bytes": bytes, …}}.
package main

import (
	"encoding/json"
	"flag"
	"os"
	"regexp"
	"runtime/metrics"
	"strconv"
	"time"
)

var keep [][]byte

func main() {
	mib := flag.Int("mib", 64, "MiB to keep")
	pause := flag.Duration("pause", 0, "how long to keep them")
	flag.Parse()
	for i := 0; i < *mib; i++ {
		block := make([]byte, 1<<20)
		for j := range block {
			block[j] = byte(j)
		}
		keep = append(keep, block)
	}
	time.Sleep(*pause)
	report := struct {
		Status  map[string]int64   `json:"status"`
		Metrics map[string]float64 `json:"metrics"`
	}{map[string]int64{}, map[string]float64{}}
	line := regexp.MustCompile(`(?m)^(Vm\w+|Rss\w+):\s+(\d+) kB$`)
	var samples []metrics.Sample
	for _, description := range metrics.All() {
		samples = append(samples, metrics.Sample{Name: description.Name})
	}
	json.Marshal(report) // what the encoder keeps is there before the numbers are taken
	metrics.Read(samples)
	status, _ := os.ReadFile("/proc/self/status")
	for _, match := range line.FindAllSubmatch(status, -1) {
		kib, _ := strconv.ParseInt(string(match[2]), 10, 64)
		report.Status[string(match[1])] = kib << 10
	}
	for _, sample := range samples {
		if sample.Value.Kind() == metrics.KindUint64 {
			report.Metrics[sample.Name] = float64(sample.Value.Uint64())
		}
	}
	json.NewEncoder(os.Stdout).Encode(report)
}
