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

type gomatrixFrame struct {
	pc       uintptr
	function string
	file     string
	line     int
}

// gomatrixHeapRecords writes one JSON array a line: the sampling rate; then for each record the objects
// and bytes allocated, those in use, and the numbers of the frames of its stack, leaf first; the frames
// follow in the order of these numbers.
func gomatrixHeapRecords(path string) error {
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o644)
	if err != nil {
		return err
	}
	runtime.GC() // the records tell what the last collection found
	var records []runtime.MemProfileRecord
	n, ok := runtime.MemProfile(nil, true)
	for !ok { // other goroutines may allocate in new places in the meantime
		records = make([]runtime.MemProfileRecord, n+50)
		n, ok = runtime.MemProfile(records, true)
	}
	records = records[:n]
	line := append(strconv.AppendInt([]byte{'['}, int64(runtime.MemProfileRate), 10), ']', '\n')
	numbers := map[gomatrixFrame]int{}
	var found []gomatrixFrame
	for i := range records {
		record := &records[i]
		line = append(line, '[')
		for _, value := range [...]int64{
			record.AllocObjects, record.AllocBytes, record.InUseObjects(), record.InUseBytes(),
		} {
			line = append(strconv.AppendInt(line, value, 10), ',')
		}
		line = append(line, '[')
		if stack := record.Stack(); len(stack) > 0 {
			frames := runtime.CallersFrames(stack)
			for more, first := true, true; more; first = false {
				var frame runtime.Frame
				frame, more = frames.Next()
				key := gomatrixFrame{frame.PC, frame.Function, frame.File, frame.Line}
				number, known := numbers[key]
				if !known {
					number = len(found)
					numbers[key] = number
					found = append(found, key)
				}
				if !first {
					line = append(line, ',')
				}
				line = strconv.AppendInt(line, int64(number), 10)
			}
		}
		line = append(line, ']', ']', '\n')
	}
	for _, frame := range found {
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
