// Added to runtime/debug beside probe.go where the probe mode is "full". That runtime.MemProfile is
// reachable makes the linker keep the runtime's memory profiler on; otherwise the runtime never samples.
//
// The records are written as they are, and the harness makes a profile of them: runtime/pprof would add
// compress/flate and some 0.4 MB of resident memory to every program.

package debug

import (
	"os"
	"runtime"
	"strconv"
)

// Before any init of the package, for the probe's own starts goroutines that may read it.
var _ = func() bool {
	gomatrixWriteRecords = gomatrixHeapRecords
	return true
}()

// gomatrixMost objects are told of, at most.
const gomatrixMost = 200_000

// gomatrixObject is an object that was sampled and has not been freed.
type gomatrixObject struct {
	bucket  uintptr // the same for all with the same stack and size
	address uintptr // of its slot
	size    uintptr // of its slot, in bytes
}

func gomatrixObjects(found []gomatrixObject) (n int) // in package runtime
func gomatrixStack(bucket uintptr) []uintptr         // in package runtime

type gomatrixFrame struct {
	pc       uintptr
	function string
	file     string
	line     int
}

// gomatrixFrames numbers frames in the order in which they are met.
type gomatrixFrames struct {
	numbers map[gomatrixFrame]int
	found   []gomatrixFrame
}

// gomatrixHeapRecords writes one JSON array a line: the sampling rate; then for each record the objects
// and bytes allocated, those in use, and the numbers of the frames of its stack, leaf first; for each stack
// and size with objects that are still there their size, these numbers, and the objects' addresses; the
// frames follow in the order of their numbers.
func gomatrixHeapRecords(path string) error {
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o644)
	if err != nil {
		return err
	}
	objects := gomatrixSampled() // as they were at the pause: at the end of main much is garbage
	runtime.GC()                 // the records tell what the last collection found
	var records []runtime.MemProfileRecord
	n, ok := runtime.MemProfile(nil, true)
	for !ok { // other goroutines may allocate in new places in the meantime
		records = make([]runtime.MemProfileRecord, n+50)
		n, ok = runtime.MemProfile(records, true)
	}
	records = records[:n]
	line := append(strconv.AppendInt([]byte{'['}, int64(runtime.MemProfileRate), 10), ']', '\n')
	frames := gomatrixFrames{numbers: map[gomatrixFrame]int{}}
	for i := range records {
		record := &records[i]
		line = append(line, '[')
		for _, value := range [...]int64{
			record.AllocObjects, record.AllocBytes, record.InUseObjects(), record.InUseBytes(),
		} {
			line = append(strconv.AppendInt(line, value, 10), ',')
		}
		line = append(frames.appendStack(line, record.Stack()), ']', '\n')
	}
	line = frames.appendObjects(line, objects)
	for _, frame := range frames.found {
		line = append(strconv.AppendUint(append(line, '['), uint64(frame.pc), 10), ',')
		line = append(gomatrixAppendString(line, frame.function), ',')
		line = append(gomatrixAppendString(line, frame.file), ',')
		line = append(strconv.AppendInt(line, int64(frame.line), 10), ']', '\n')
	}
	_, err = file.Write(line)
	if closed := file.Close(); err == nil {
		err = closed
	}
	return err
}

// gomatrixSampled returns the objects that were sampled and are still there.
func gomatrixSampled() []gomatrixObject {
	var found []gomatrixObject
	n := gomatrixObjects(nil)
	for len(found) < n && len(found) < gomatrixMost { // other goroutines may allocate in the meantime
		found = make([]gomatrixObject, min(n+n/8+50, gomatrixMost))
		n = gomatrixObjects(found)
	}
	return found[:min(n, len(found))]
}

// appendObjects writes the objects' lines, in the order in which stacks and sizes are first met.
func (f *gomatrixFrames) appendObjects(line []byte, objects []gomatrixObject) []byte {
	type kind struct{ bucket, size uintptr }
	var kinds []kind
	addresses := map[kind][]uintptr{}
	for _, object := range objects {
		key := kind{object.bucket, object.size}
		if addresses[key] == nil {
			kinds = append(kinds, key)
		}
		addresses[key] = append(addresses[key], object.address)
	}
	for _, key := range kinds {
		stack := gomatrixStack(key.bucket)
		if depth := len(runtime.MemProfileRecord{}.Stack0); len(stack) > depth {
			stack = stack[:depth]
		}
		line = append(strconv.AppendUint(append(line, '['), uint64(key.size), 10), ',')
		line = append(f.appendStack(line, stack), ',', '[')
		for i, address := range addresses[key] {
			if i > 0 {
				line = append(line, ',')
			}
			line = strconv.AppendUint(line, uint64(address), 10)
		}
		line = append(line, ']', ']', '\n')
	}
	return line
}

// appendStack writes the numbers of a stack's frames; none for the stacks that were beyond the profiler's budget.
func (f *gomatrixFrames) appendStack(line []byte, stack []uintptr) []byte {
	line = append(line, '[')
	frames := runtime.CallersFrames(stack)
	for first, more := true, len(stack) > 0; more; first = false {
		var frame runtime.Frame
		frame, more = frames.Next()
		if frame.Function == "runtime.gomatrixBucket" {
			break
		}
		key := gomatrixFrame{frame.PC, frame.Function, frame.File, frame.Line}
		number, known := f.numbers[key]
		if !known {
			number = len(f.found)
			f.numbers[key] = number
			f.found = append(f.found, key)
		}
		if !first {
			line = append(line, ',')
		}
		line = strconv.AppendInt(line, int64(number), 10)
	}
	return append(line, ']')
}
