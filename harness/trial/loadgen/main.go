// An open-loop HTTP load generator: requests leave at a fixed rate, whether or not earlier ones
// were answered, and each latency counts from the instant at which its request was due. So a server
// that stalls cannot slow down the load that shows it (no "coordinated omission").
//
// Its argument is the job in JSON. It writes one line of JSON, its report, and exits with
// status 1 where more requests failed than the job allows.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"sort"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

type job struct {
	Requests    []kind  `json:"requests"`
	Rate        float64 `json:"rate"`            // requests a second
	Duration    float64 `json:"duration"`        // seconds
	Timeout     float64 `json:"request_timeout"` // seconds
	Connections int     `json:"connections"`     // at most; 0 for as many as are in flight
	MaxInFlight int     `json:"max_in_flight"`
	MaxFailed   float64 `json:"max_failed"` // share of all requests
}

// A kind of request is sent as often as its weight says.
type kind struct {
	URL     string            `json:"url"`
	Method  string            `json:"method"`
	Headers map[string]string `json:"headers"`
	Body    string            `json:"body"`
	Weight  int               `json:"weight"`
}

type report struct {
	Due         int                `json:"due"`
	Answered    int                `json:"answered"`
	Failed      int                `json:"failed"`
	Missed      int                `json:"missed"`      // of those that failed: never sent, as too many were in flight
	Connections int64              `json:"connections"` // opened
	InFlight    int64              `json:"in_flight"`   // at most
	Seconds     float64            `json:"seconds"`     // from the first request due to the last answer
	Latency     map[string]float64 `json:"latency"`     // seconds, of answered requests
	Late        map[string]float64 `json:"late"`        // seconds that requests were begun after they were due
	Errors      map[string]int     `json:"errors"`
}

type outcome struct {
	latency, late time.Duration
	err           string
	missed        bool
}

// counts are kept while requests are sent.
type counts struct {
	connections, now, most int64
}

// begin counts a request in flight.
func (c *counts) begin() {
	now := atomic.AddInt64(&c.now, 1)
	for {
		most := atomic.LoadInt64(&c.most)
		if now <= most || atomic.CompareAndSwapInt64(&c.most, most, now) {
			return
		}
	}
}

func (c *counts) end() { atomic.AddInt64(&c.now, -1) }

func main() {
	var j job
	if err := json.Unmarshal([]byte(os.Args[1]), &j); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	stopped, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	r := j.run(stopped)
	data, _ := json.Marshal(r)
	fmt.Println(string(data))
	if float64(r.Failed) > j.MaxFailed*float64(r.Due) || r.Answered == 0 {
		os.Exit(1)
	}
}

func (j *job) run(stopped context.Context) report {
	var counted counts
	dialer := &net.Dialer{Timeout: seconds(j.Timeout)}
	idle := j.Connections
	if idle == 0 {
		idle = j.MaxInFlight
	}
	client := &http.Client{
		Timeout: seconds(j.Timeout),
		Transport: &http.Transport{
			DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
				connection, err := dialer.DialContext(ctx, network, address)
				if err == nil {
					atomic.AddInt64(&counted.connections, 1)
				}
				return connection, err
			},
			MaxConnsPerHost:     j.Connections,
			MaxIdleConnsPerHost: idle,
			DisableCompression:  true,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	outcomes := make(chan outcome, j.MaxInFlight)
	slots := make(chan struct{}, j.MaxInFlight)
	due := int(j.Rate * j.Duration)
	if due < 1 {
		due = 1
	}
	start := time.Now()
	go func() {
		var wait sync.WaitGroup
		next := j.order()
		for i := 0; i < due && stopped.Err() == nil; i++ {
			at := start.Add(time.Duration(float64(i) / j.Rate * float64(time.Second)))
			if pause := time.Until(at); pause > 0 {
				time.Sleep(pause)
			}
			select {
			case slots <- struct{}{}:
			default:
				outcomes <- outcome{err: "more in flight than allowed", missed: true}
				continue
			}
			wait.Add(1)
			wanted := next()
			go func() {
				defer wait.Done()
				late := time.Since(at)
				counted.begin()
				err := wanted.send(client)
				counted.end()
				<-slots
				outcomes <- outcome{latency: time.Since(at), late: late, err: err}
			}()
		}
		wait.Wait()
		close(outcomes)
	}()
	r := summarise(outcomes, start)
	r.Connections, r.InFlight = counted.connections, counted.most
	return r
}

// order returns the kinds one by one, each as often as its weight says, spread evenly: the same order in
// each run (the smooth weighted round-robin of nginx).
func (j *job) order() func() *kind {
	current, total := make([]int, len(j.Requests)), 0
	for _, k := range j.Requests {
		total += k.Weight
	}
	return func() *kind {
		best := 0
		for i := range j.Requests {
			current[i] += j.Requests[i].Weight
			if current[i] > current[best] {
				best = i
			}
		}
		current[best] -= total
		return &j.Requests[best]
	}
}

func (k *kind) send(client *http.Client) string {
	request, err := http.NewRequest(k.Method, k.URL, strings.NewReader(k.Body))
	if err != nil {
		return err.Error()
	}
	for name, value := range k.Headers {
		request.Header.Set(name, value)
	}
	response, err := client.Do(request)
	if err != nil {
		return err.Error()
	}
	defer response.Body.Close()
	if _, err := io.Copy(io.Discard, response.Body); err != nil {
		return err.Error()
	}
	if response.StatusCode >= 400 {
		return response.Status
	}
	return ""
}

func summarise(outcomes <-chan outcome, start time.Time) report {
	r := report{Errors: map[string]int{}}
	var latencies, late []time.Duration
	for o := range outcomes {
		r.Due++
		if o.missed {
			r.Missed++
		} else {
			late = append(late, o.late)
		}
		if o.err != "" {
			r.Failed++
			if _, known := r.Errors[o.err]; known || len(r.Errors) < 20 {
				r.Errors[o.err]++
			}
			continue
		}
		latencies = append(latencies, o.latency)
	}
	r.Answered = len(latencies)
	r.Seconds = time.Since(start).Seconds()
	r.Latency, r.Late = quantiles(latencies), quantiles(late)
	return r
}

// quantiles sorts values, and gives some of them in seconds; none of no values.
func quantiles(values []time.Duration) map[string]float64 {
	found := map[string]float64{}
	sort.Slice(values, func(a, b int) bool { return values[a] < values[b] })
	for name, q := range map[string]float64{"p50": 0.5, "p90": 0.9, "p99": 0.99, "p999": 0.999, "max": 1} {
		if n := len(values); n > 0 {
			index := int(q*float64(n)+0.9999999) - 1 // the nearest rank
			found[name] = values[index].Seconds()
		}
	}
	return found
}

func seconds(value float64) time.Duration { return time.Duration(value * float64(time.Second)) }
