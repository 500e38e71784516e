//go:build go1.24

package main

import (
	"runtime"
	"weak"
)

var watched []weak.Pointer[object]

func init() {
	cleanUp = cleanUpLater
	watch = watchWeakly
}

func cleanUpLater(dropped *object, content []byte) {
	runtime.AddCleanup(dropped, func([]byte) { select {} }, content)
}

func watchWeakly(o *object) {
	watched = append(watched, weak.Make(o))
}
