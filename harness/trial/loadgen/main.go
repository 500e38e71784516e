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
	"syscall"
	"time"
)

type job struct {
	URL         string            `json:"url"`
	Method      string            `json:"method"`
	Headers     map[string]string `json:"headers"`
	Body        string            `json:"body"`
	Rate        float64           `json:"rate"`            // requests a second
	Duration    float64           `json:"duration"`        // seconds
	Timeout     float64           `json:"request_timeout"` // seconds
	MaxInFlight int               `json:"max_in_flight"`
	MaxFailed   float64           `json:"max_failed"` // share of all requests
}

type report struct {
	Due       int                `json:"due"`
	Answered  int                `json:"answered"`
	Failed    int                `json:"failed"`
	Seconds   float64            `json:"seconds"` // from the first request due to the last answer
	Latency   map[string]float64 `json:"latency"` // seconds, of answered requests
	Errors    map[string]int     `json:"errors"`
	LateStart float64            `json:"late_start"` // seconds: the worst delay of the generator itself
}

type outcome struct {
	latency, late time.Duration
	err           string
}

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
	client := &http.Client{
		Timeout: seconds(j.Timeout),
		Transport: &http.Transport{
			DialContext:         (&net.Dialer{Timeout: seconds(j.Timeout)}).DialContext,
			MaxIdleConnsPerHost: j.MaxInFlight,
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
		for i := 0; i < due && stopped.Err() == nil; i++ {
			at := start.Add(time.Duration(float64(i) / j.Rate * float64(time.Second)))
			if pause := time.Until(at); pause > 0 {
				time.Sleep(pause)
			}
			select {
			case slots <- struct{}{}:
			default:
				outcomes <- outcome{err: "more in flight than allowed"}
				continue
			}
			wait.Add(1)
			go func() {
				defer wait.Done()
				late := time.Since(at)
				err := j.send(client)
				<-slots
				outcomes <- outcome{latency: time.Since(at), late: late, err: err}
			}()
		}
		wait.Wait()
		close(outcomes)
	}()
	return summarise(outcomes, start)
}

func (j *job) send(client *http.Client) string {
	request, err := http.NewRequest(j.Method, j.URL, strings.NewReader(j.Body))
	if err != nil {
		return err.Error()
	}
	for name, value := range j.Headers {
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
	r := report{Errors: map[string]int{}, Latency: map[string]float64{}}
	var latencies []time.Duration
	for o := range outcomes {
		r.Due++
		if o.err != "" {
			r.Failed++
			if _, known := r.Errors[o.err]; known || len(r.Errors) < 20 {
				r.Errors[o.err]++
			}
			continue
		}
		latencies = append(latencies, o.latency)
		if late := o.late.Seconds(); late > r.LateStart {
			r.LateStart = late
		}
	}
	r.Answered = len(latencies)
	r.Seconds = time.Since(start).Seconds()
	sort.Slice(latencies, func(a, b int) bool { return latencies[a] < latencies[b] })
	for name, q := range map[string]float64{"p50": 0.5, "p90": 0.9, "p99": 0.99, "p999": 0.999, "max": 1} {
		if n := len(latencies); n > 0 {
			index := int(q*float64(n)+0.9999999) - 1 // the nearest rank
			r.Latency[name] = latencies[index].Seconds()
		}
	}
	return r
}

func seconds(value float64) time.Duration { return time.Duration(value * float64(time.Second)) }
