// Ordersapi is an HTTP service with a cache: GET /orders answers with the next order that somebody asks
// for, from its cache or made anew; GET /healthz says that it is ready.
//
// It exercises what a service exercises: net/http, encoding/json, a map under a lock, and a heap of which
// a part lives as long as the cache keeps it.
package main

import (
	"container/list"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"math/rand"
	"net/http"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"
)

type order struct {
	ID       uint64   `json:"id"`
	Customer string   `json:"customer"`
	Lines    []string `json:"lines"`
}

// cache keeps the orders that were asked for last.
type cache struct {
	lock   sync.Mutex
	limit  int
	recent *list.List // of *order, the latest first
	byID   map[uint64]*list.Element
}

func newCache(limit int) *cache {
	return &cache{limit: limit, recent: list.New(), byID: map[uint64]*list.Element{}}
}

// get gives an order, made by load if the cache has none.
func (c *cache) get(id uint64, load func(uint64) *order) *order {
	c.lock.Lock()
	defer c.lock.Unlock()
	if found, ok := c.byID[id]; ok {
		c.recent.MoveToFront(found)
		return found.Value.(*order)
	}
	made := load(id)
	c.byID[id] = c.recent.PushFront(made)
	if c.recent.Len() > c.limit {
		delete(c.byID, c.recent.Remove(c.recent.Back()).(*order).ID)
	}
	return made
}

func main() {
	address := flag.String("address", "127.0.0.1:8080", "where to listen")
	orders := flag.Uint64("orders", 20_000, "how many orders there are")
	cached := flag.Int("cached", 2_000, "how many the cache keeps; it is full from the beginning")
	lines := flag.Int("lines", 200, "lines of an order")
	flag.Parse()

	// A few orders are asked for often and most seldom; the same ones in every run.
	chance := rand.NewZipf(rand.New(rand.NewSource(1)), 1.1, 1, *orders-1)
	var choosing sync.Mutex
	choose := func() uint64 {
		choosing.Lock()
		defer choosing.Unlock()
		return chance.Uint64()
	}
	store := newCache(*cached)
	load := func(id uint64) *order {
		made := &order{ID: id, Customer: fmt.Sprintf("customer %d", id%1000)}
		for i := 0; i < *lines; i++ {
			made.Lines = append(made.Lines, fmt.Sprintf("%d pieces of article %d", i+1, id+uint64(i)))
		}
		return made
	}
	for id := 0; id < *cached; id++ {
		store.get(uint64(id), load)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/healthz", func(http.ResponseWriter, *http.Request) {})
	mux.HandleFunc("/orders", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		json.NewEncoder(w).Encode(store.get(choose(), load))
	})
	if err := serve(&http.Server{Addr: *address, Handler: mux}); err != nil {
		fmt.Fprintln(os.Stderr, "ordersapi:", err)
		os.Exit(1)
	}
}

// serve listens until SIGTERM, then lets the requests under way come to their end.
func serve(server *http.Server) error {
	told, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	stopped := make(chan error, 1)
	go func() {
		<-told.Done()
		limit, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		stopped <- server.Shutdown(limit)
	}()
	if err := server.ListenAndServe(); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return <-stopped
}
