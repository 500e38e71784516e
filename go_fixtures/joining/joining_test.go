package joining

import (
	"os"
	"runtime"
	"testing"
)

// TestMain looks for leaked goroutines, as many projects do: nobody else's may be there.
func TestMain(m *testing.M) {
	status := m.Run()
	if left := runtime.NumGoroutine(); left > 1 {
		stacks := make([]byte, 1<<16)
		println(string(stacks[:runtime.Stack(stacks, true)]))
		status = 9
	}
	os.Exit(status)
}

func BenchmarkJoin(b *testing.B) {
	word, err := os.ReadFile("testdata/word") // found only where the test runs in its package
	if err != nil {
		b.Fatal(err)
	}
	for _, size := range []struct {
		name  string
		times int
	}{{"small", 10}, {"large", 10_000}} {
		b.Run(size.name, func(b *testing.B) {
			b.ReportAllocs()
			length := 0
			for i := 0; i < b.N; i++ {
				length += len(Join(string(word), size.times))
			}
			b.ReportMetric(float64(length)/float64(b.N), "length")
		})
	}
}
