// This file is added to the standard package runtime/debug by `go build -overlay`. It lets the
// harness read the kernel's and the runtime's view of a process at the same instant. Without the
// environment variable GOMATRIX_PROBE it does nothing at all.
//
// It lives in runtime/debug because a standard package may import internal/runtime/exithook (or
// link to runtime.addExitHook, before Go 1.23), and because its init runs before the program's.
// Every name begins with gomatrix so that none can clash with the package's own.
//
// Protocol, one JSON object a line, over an inherited socket:
//
//	probe:   {"event":"pause", ...}     the program is at its end, or at a requested point
//	harness: reads /proc/PID/*, then sends one byte
//	probe:   {"event":"runtime", ...}   runtime/metrics, read just before the pause
//	probe:   {"event":"profile", ...}   at the end only: the memory profiler's records are written
//
// A second socket, where there is one, carries requests of one byte, each answered there:
// 's' asks for such a pause, 'g' for garbage collections and then a pause, 'p' for the memory profiler's records.

package debug

import (
	"runtime"
	"runtime/metrics"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"unicode/utf8"
	"unsafe"
)

const gomatrixVariable = "GOMATRIX_PROBE"

// gomatrixWriteRecords is set where the probe mode has heap profiles.
var gomatrixWriteRecords func(path string) error

type gomatrixSocket struct {
	fd       int
	dev, ino uint64
}

type gomatrixState struct {
	pid     int
	exit    gomatrixSocket
	request gomatrixSocket
	records string    // path for what the memory profiler has
	anchor  *[64]byte // an object in the heap, whose address tells where the arenas lie
	once    sync.Once // for the end
	saved   sync.Once // for the records: those asked for in mid-run are not overwritten at the end
}

func gomatrixTakeEnv(key string) (value string, found bool)
func gomatrixSpans() []uintptr  // in package runtime
func gomatrixProfiler() uintptr // in package runtime

func init() {
	value, ok := gomatrixTakeEnv(gomatrixVariable) // children must not speak for this process
	if !ok {
		return
	}
	fields := strings.SplitN(value, " ", 3) // exit socket, request socket, records
	if len(fields) != 3 {
		return
	}
	for _, pad := range gomatrixPads { // so that the linker keeps them
		(*pad)()
	}
	p := &gomatrixState{pid: syscall.Getpid(), records: fields[2], anchor: new([64]byte)}
	if !p.exit.open(fields[0]) {
		return
	}
	gomatrixAddExitHook(p.end)
	gomatrixOnSignal(p.end)
	if p.request.open(fields[1]) {
		gomatrixServe(int32(p.request.fd), p.answer)
	}
}

func (s *gomatrixSocket) open(field string) bool {
	fd, err := strconv.Atoi(field)
	if err != nil || fd < 0 {
		return false
	}
	var stat syscall.Stat_t
	if syscall.Fstat(fd, &stat) != nil {
		return false
	}
	syscall.CloseOnExec(fd)
	s.fd, s.dev, s.ino = fd, uint64(stat.Dev), stat.Ino
	return true
}

// ours tells whether the descriptor still is the harness's socket: the program may have closed it
// and opened a file of its own under the same number.
func (s *gomatrixSocket) ours() bool {
	var stat syscall.Stat_t
	return syscall.Fstat(s.fd, &stat) == nil && uint64(stat.Dev) == s.dev && stat.Ino == s.ino
}

func (s *gomatrixSocket) send(data []byte) bool {
	for len(data) > 0 {
		n, err := syscall.SendmsgN(s.fd, data, nil, nil, syscall.MSG_NOSIGNAL)
		if err == syscall.EINTR {
			continue
		}
		if err != nil || n <= 0 {
			return false
		}
		data = data[n:]
	}
	return true
}

// receive waits for one byte; the harness has set a time limit on the socket.
func (s *gomatrixSocket) receive() (byte, error) {
	var buffer [1]byte
	for {
		n, err := syscall.Read(s.fd, buffer[:])
		if err == syscall.EINTR {
			continue
		}
		if err == nil && n != 1 {
			err = syscall.EPIPE
		}
		return buffer[0], err
	}
}

// end runs once: in the exit hook, or on a signal that is about to kill the process.
func (p *gomatrixState) end() {
	p.once.Do(func() {
		if syscall.Getpid() != p.pid || !p.snapshot(&p.exit) {
			return
		}
		p.saveRecords(&p.exit)
	})
}

func (p *gomatrixState) saveRecords(s *gomatrixSocket) bool {
	message := ""
	p.saved.Do(func() {
		if gomatrixWriteRecords == nil || p.records == "" {
			message = "not asked for"
		} else if err := gomatrixWriteRecords(p.records); err != nil {
			message = err.Error()
		}
	})
	line := gomatrixAppendString([]byte(`{"event":"profile","error":`), message)
	return s.ours() && s.send(append(line, '}', '\n'))
}

// snapshot reads the runtime's numbers, holds still while the harness reads the kernel's, and then
// sends the former. Everything costly comes after the pause.
func (p *gomatrixState) snapshot(s *gomatrixSocket) bool {
	if !s.ours() {
		return false
	}
	var now syscall.Timespec
	syscall.RawSyscall(syscall.SYS_CLOCK_GETTIME, 1, uintptr(unsafe.Pointer(&now)), 0)
	var usage, children syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &usage)
	syscall.Getrusage(syscall.RUSAGE_CHILDREN, &children)
	var scalars, histograms []metrics.Sample
	for _, description := range metrics.All() {
		sample := metrics.Sample{Name: description.Name}
		if description.Kind == metrics.KindFloat64Histogram {
			histograms = append(histograms, sample)
		} else {
			scalars = append(scalars, sample)
		}
	}
	metrics.Read(scalars)

	line := make([]byte, 0, 512)
	line = append(line, `{"event":"pause","monotonic":`...)
	line = strconv.AppendInt(line, now.Nano(), 10)
	line = gomatrixAppendField(line, "utime", usage.Utime.Nano())
	line = gomatrixAppendField(line, "stime", usage.Stime.Nano())
	line = gomatrixAppendField(line, "minflt", int64(usage.Minflt))
	line = gomatrixAppendField(line, "majflt", int64(usage.Majflt))
	line = gomatrixAppendField(line, "nvcsw", int64(usage.Nvcsw))
	line = gomatrixAppendField(line, "nivcsw", int64(usage.Nivcsw))
	line = gomatrixAppendField(line, "children_maxrss", int64(children.Maxrss)<<10)
	line = gomatrixAppendField(line, "profiler", int64(gomatrixProfiler()))
	line = gomatrixAppendField(line, "anchor", int64(uintptr(unsafe.Pointer(p.anchor))))
	line = append(line, `,"spans":[`...)
	for i, value := range gomatrixSpans() {
		if i > 0 {
			line = append(line, ',')
		}
		line = strconv.AppendUint(line, uint64(value), 10)
	}
	line = append(line, ']', '}', '\n')
	if !s.send(line) {
		return false
	}
	if _, err := s.receive(); err != nil || !s.ours() {
		return false
	}

	metrics.Read(histograms)
	return s.send(gomatrixAppendReport(nil, scalars, histograms))
}

func gomatrixAppendField(line []byte, name string, value int64) []byte {
	line = append(line, `,"`...)
	line = append(line, name...)
	line = append(line, `":`...)
	return strconv.AppendInt(line, value, 10)
}

func gomatrixAppendReport(line []byte, scalars, histograms []metrics.Sample) []byte {
	line = append(line, `{"event":"runtime","version":`...)
	line = gomatrixAppendString(line, runtime.Version())
	line = append(line, `,"metrics":{`...)
	for i, sample := range scalars {
		if i > 0 {
			line = append(line, ',')
		}
		line = gomatrixAppendString(line, sample.Name)
		line = append(line, ':')
		switch sample.Value.Kind() {
		case metrics.KindUint64:
			line = strconv.AppendUint(line, sample.Value.Uint64(), 10)
		case metrics.KindFloat64:
			line = gomatrixAppendFloat(line, sample.Value.Float64())
		default:
			line = append(line, "null"...)
		}
	}
	line = append(line, `},"histograms":{`...)
	for i, sample := range histograms {
		if i > 0 {
			line = append(line, ',')
		}
		line = gomatrixAppendString(line, sample.Name)
		line = append(line, ":["...)
		if sample.Value.Kind() == metrics.KindFloat64Histogram {
			line = gomatrixAppendHistogram(line, sample.Value.Float64Histogram())
		}
		line = append(line, ']')
	}
	return append(line, "}}\n"...)
}

// gomatrixAppendHistogram writes [low, high, count] for each bucket that is not empty.
func gomatrixAppendHistogram(line []byte, histogram *metrics.Float64Histogram) []byte {
	first := true
	for i, count := range histogram.Counts {
		if count == 0 {
			continue
		}
		if !first {
			line = append(line, ',')
		}
		first = false
		line = append(line, '[')
		line = gomatrixAppendFloat(line, histogram.Buckets[i])
		line = append(line, ',')
		line = gomatrixAppendFloat(line, histogram.Buckets[i+1])
		line = append(line, ',')
		line = strconv.AppendUint(line, count, 10)
		line = append(line, ']')
	}
	return line
}

// gomatrixAppendFloat writes the infinities as null: JSON has no word for them.
func gomatrixAppendFloat(line []byte, value float64) []byte {
	if value-value != 0 { // infinite, or not a number
		return append(line, "null"...)
	}
	return strconv.AppendFloat(line, value, 'g', -1, 64)
}

// gomatrixAppendString writes a string as JSON has it, which is not as Go has it.
func gomatrixAppendString(line []byte, text string) []byte {
	line = append(line, '"')
	for _, r := range text {
		switch {
		case r == '"' || r == '\\':
			line = append(line, '\\', byte(r))
		case r < ' ':
			line = append(line, '\\', 'u', '0', '0', "01"[r>>4], "0123456789abcdef"[r&15])
		default:
			line = utf8.AppendRune(line, r)
		}
	}
	return append(line, '"')
}

// answer does what a byte on the request socket asks for, or tells that there will be no more.
func (p *gomatrixState) answer(command int32) bool {
	switch {
	case command == -int32(syscall.EAGAIN) || command == -int32(syscall.EINTR):
		return true // the socket's time limit, which is meant for pauses
	case command < 0 || !p.request.ours():
		return false
	case command == 'p':
		return p.saveRecords(&p.request)
	case command == 'g':
		runtime.GC() // twice: the first moves what a sync.Pool or a finalizer holds
		runtime.GC()
	}
	return p.snapshot(&p.request)
}
