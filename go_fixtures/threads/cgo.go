//go:build cgo

package main

import "C" // makes the C library start the threads, each with a stack of its own
