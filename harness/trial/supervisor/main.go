// The supervisor starts one workload, waits for it, and leaves nothing of it behind.
//
// It exists because a process inherits the peak resident set of its launcher (getrusage's
// ru_maxrss), so the launcher must be small; because a subreaper keeps daemonised children in its
// tree; and because the workload's limits and CPUs are set without running Python between fork and
// exec. It reads one line of JSON on standard input, the job; after that, each line is a command:
// "signal N" for the workload, "kill" for the whole tree, or "pages" and a request in JSON, to look at
// the pages of a process. At the end of standard input the harness has gone, and the tree is killed.
// Answers are lines of JSON on standard output.
package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
	"unsafe"
)

// The structures of the protocol mirror the models in ../process.py, which say what each field means.
type job struct {
	Parent    int      `json:"parent"`
	Path      string   `json:"path"`
	CopyTo    string   `json:"copy_to"`
	Args      []string `json:"args"`
	Env       []string `json:"env"`
	Directory string   `json:"directory"`
	CPUs      []int    `json:"cpus"`
	Cgroup    string   `json:"cgroup"`
	Input     int      `json:"input"`
	Output    int      `json:"output"`
	Files     []int    `json:"files"`
	FirstFile int      `json:"first_file"`
}

type started struct {
	Event     string            `json:"event"`
	PID       int               `json:"pid"`
	Monotonic int64             `json:"monotonic"`
	Error     string            `json:"error"`
	Inherited map[string]string `json:"inherited"`
}

type ended struct {
	Event     string `json:"event"`
	Monotonic int64  `json:"monotonic"`
	Exit      int    `json:"exit"`
	Signal    int    `json:"signal"`
	Usage     usage  `json:"usage"`
	Orphans   usage  `json:"orphans"`
	Left      int    `json:"left"`
}

type pagesRequest struct {
	PID    int         `json:"pid"`
	Ranges [][2]uint64 `json:"ranges"`
	Spans  []uint64    `json:"spans"`
	Most   int64       `json:"most"`
	AtRest bool        `json:"at_rest"`
	Path   string      `json:"path"`
}

type pages struct {
	Event    string `json:"event"`
	Error    string `json:"error"`
	Resident int64  `json:"resident"`
	Zero     int64  `json:"zero"`
	Shared   int64  `json:"shared"`
	Divided  bool   `json:"divided"`
	Held     int64  `json:"held"`
	Objects  int64  `json:"objects"`
	Unused   int64  `json:"unused"`
	Manual   int64  `json:"manual"`
}

type usage struct {
	User     int64 `json:"utime"`
	System   int64 `json:"stime"`
	MaxRSS   int64 `json:"maxrss"`
	Minor    int64 `json:"minflt"`
	Major    int64 `json:"majflt"`
	Switches int64 `json:"nvcsw"`
	Preempts int64 `json:"nivcsw"`
}

const (
	prSetPdeathsig      = 1
	prSetChildSubreaper = 36
	killDeadline        = 5 * time.Second
)

// Affinity, the death signal and children belong to a thread: here, to the process's first.
func init() { runtime.LockOSThread() }

func main() {
	input := bufio.NewReader(os.Stdin)
	line, err := input.ReadBytes('\n')
	if err != nil {
		os.Exit(2)
	}
	var j job
	decoder := json.NewDecoder(bytes.NewReader(line))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&j); err != nil {
		answer(started{Event: "started", Error: err.Error()})
		os.Exit(2)
	}
	// Other processes may hold standard input open after the harness has died.
	orphaned := make(chan os.Signal, 1)
	signal.Notify(orphaned, syscall.SIGTERM)
	// An answer that nobody reads must not end this process before it has killed the tree.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)
	syscall.RawSyscall(syscall.SYS_PRCTL, prSetPdeathsig, uintptr(syscall.SIGTERM), 0)
	if syscall.Getppid() != j.Parent {
		os.Exit(2)
	}
	syscall.Setsid()
	syscall.RawSyscall(syscall.SYS_PRCTL, prSetChildSubreaper, 1, 0)
	inherited := settle()
	if err := pin(j.CPUs); err != nil {
		answer(started{Event: "started", Error: err.Error()})
		os.Exit(2)
	}

	attributes := syscall.SysProcAttr{Setsid: true, Pdeathsig: syscall.SIGKILL}
	if j.Cgroup != "" {
		group, err := syscall.Open(j.Cgroup, syscall.O_RDONLY|syscall.O_DIRECTORY|syscall.O_CLOEXEC, 0)
		if err != nil {
			answer(started{Event: "started", Error: err.Error()})
			os.Exit(2)
		}
		attributes.UseCgroupFD, attributes.CgroupFD = true, group
	}
	path := j.Path
	if j.CopyTo != "" {
		path = j.CopyTo
		defer os.RemoveAll(filepath.Dir(path))
		if err := copyProgram(j.Path, path); err != nil {
			answer(started{Event: "started", Error: err.Error()})
			return
		}
	}
	defaultSignals()
	begin := monotonic()
	pid, err := syscall.ForkExec(path, j.Args, &syscall.ProcAttr{
		Dir:   j.Directory,
		Env:   j.Env,
		Files: files(j),
		Sys:   &attributes,
	})
	if err != nil {
		answer(started{Event: "started", Error: err.Error()})
		return
	}
	closeFiles(j)
	answer(started{Event: "started", PID: pid, Monotonic: begin, Inherited: inherited})

	w := &workload{pid: pid}
	go w.obey(input)
	go func() {
		<-orphaned
		w.kill()
	}()
	answer(w.wait())
}

// copyProgram gives a program other pages of physical memory than in its last run, as the speed of its
// code depends on them. io.Copy sees only a reader and a writer: on a file system that shares blocks, a
// reflink would be read from disk. No other process has the copy open for writing, so it can be run at
// once.
func copyProgram(from, to string) error {
	if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
		return err
	}
	source, err := os.Open(from)
	if err != nil {
		return err
	}
	defer source.Close()
	target, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o700)
	if err != nil {
		return err
	}
	_, err = io.Copy(struct{ io.Writer }{target}, struct{ io.Reader }{source})
	if closed := target.Close(); err == nil {
		err = closed
	}
	return err
}

type workload struct {
	mutex sync.Mutex
	pid   int
	gone  bool // its process id may be another process's by now
}

// wait reaps the workload and its orphans, and kills what outlives it.
func (w *workload) wait() ended {
	report := ended{Event: "ended"}
	for {
		pid, status, rusage, ok := w.reap(0)
		if !ok {
			break
		}
		if pid != w.pid {
			report.Orphans.add(rusage)
			continue
		}
		report.Monotonic = monotonic()
		report.Usage.add(rusage)
		report.Exit, report.Signal = status.ExitStatus(), 0
		if status.Signaled() {
			report.Exit, report.Signal = -1, int(status.Signal())
		}
		break
	}
	deadline := time.Now().Add(killDeadline)
	for time.Now().Before(deadline) {
		pid, _, rusage, ok := w.reap(syscall.WNOHANG)
		if !ok {
			break // nothing is left
		}
		if pid != 0 {
			report.Orphans.add(rusage)
			continue
		}
		report.Left = max(report.Left, killTree())
		time.Sleep(time.Millisecond)
	}
	return report
}

func max(a, b int) int {
	if a > b {
		return a
	}
	return b
}

// reap waits for any child; ok is false where there is none.
func (w *workload) reap(options int) (pid int, status syscall.WaitStatus, rusage syscall.Rusage, ok bool) {
	for {
		var err error
		if options == 0 {
			// Wait without reaping, and reap under the lock: no signal goes to a reused process id.
			var info [128]byte
			_, _, errno := syscall.Syscall6(syscall.SYS_WAITID, 0, 0,
				uintptr(unsafe.Pointer(&info[0])), syscall.WEXITED|syscall.WNOWAIT, 0, 0)
			if errno == syscall.EINTR {
				continue
			}
			if errno != 0 {
				return 0, status, rusage, false
			}
		}
		w.mutex.Lock()
		pid, err = syscall.Wait4(-1, &status, options|syscall.WNOHANG, &rusage)
		if err == nil && pid == w.pid {
			w.gone = true
		}
		w.mutex.Unlock()
		if err == syscall.EINTR || (err == nil && pid == 0 && options == 0) {
			continue
		}
		return pid, status, rusage, err == nil
	}
}

func (w *workload) obey(input *bufio.Reader) {
	for {
		line, err := input.ReadString('\n')
		command := strings.Fields(line)
		switch {
		case err != nil || (len(command) == 1 && command[0] == "kill"):
			w.kill()
			if err != nil {
				return
			}
		case len(command) == 2 && command[0] == "signal":
			if number, err := strconv.Atoi(command[1]); err == nil {
				w.signal(syscall.Signal(number))
			}
		case strings.HasPrefix(line, "pages "):
			var request pagesRequest
			if json.Unmarshal([]byte(line[len("pages "):]), &request) == nil {
				answer(walk(request))
			}
		}
	}
}

func (w *workload) signal(s syscall.Signal) {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	if !w.gone {
		syscall.Kill(w.pid, s)
	}
}

func (w *workload) kill() {
	w.signal(syscall.SIGKILL)
	killTree()
}

// killTree kills every descendant of the supervisor, and returns their number.
func killTree() int {
	parents := map[int]int{}
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, path := range stats {
		data, err := os.ReadFile(path)
		if err != nil {
			continue
		}
		text := string(data)
		rest := strings.Fields(text[strings.LastIndexByte(text, ')')+1:])
		if len(rest) < 2 || rest[0] == "Z" {
			continue
		}
		pid, _ := strconv.Atoi(strings.Split(path, "/")[2])
		parents[pid], _ = strconv.Atoi(rest[1])
	}
	killed := 0
	for pid := range parents {
		for ancestor, ok := parents[pid]; ok; ancestor, ok = parents[ancestor] {
			if ancestor == os.Getpid() {
				syscall.Kill(pid, syscall.SIGKILL)
				killed++
				break
			}
		}
	}
	return killed
}

// settle sets everything that the workload inherits besides its environment to fixed values, however
// the harness was started: under nohup, nice, ulimit, setarch, in a container or as a service. It
// returns what could not be set, by name, with the present value.
func settle() map[string]string {
	inherited := map[string]string{}
	closeOnExec()
	syscall.Umask(0o22)
	for _, l := range limits {
		l.set(inherited)
	}
	settleScheduling(inherited)
	settleMemory(inherited)
	setFile("/proc/self/oom_score_adj", "0", "oom_score_adj", inherited)
	setFile("/proc/self/coredump_filter", "0x33", "", inherited)
	return inherited
}

// closeOnExec hides every descriptor but the standard ones from the workload, which gets copies of
// those that are meant for it.
func closeOnExec() {
	const closeRange, cloexec = 436, 4
	if _, _, errno := syscall.RawSyscall(closeRange, 3, 1<<32-1, cloexec); errno == 0 {
		return
	}
	open, _ := os.ReadDir("/proc/self/fd") // before Linux 5.11
	for _, entry := range open {
		if file, err := strconv.Atoi(entry.Name()); err == nil && file > 2 {
			syscall.CloseOnExec(file)
		}
	}
}

const unlimited = ^uint64(0)

// A limit of setrlimit(2): the kernel's defaults, except that there are no core dumps.
type limit struct {
	name       string
	number     int
	soft, hard uint64
}

var limits = []limit{
	{"limit cpu", syscall.RLIMIT_CPU, unlimited, unlimited},
	{"limit fsize", syscall.RLIMIT_FSIZE, unlimited, unlimited},
	{"limit data", syscall.RLIMIT_DATA, unlimited, unlimited},
	{"limit stack", syscall.RLIMIT_STACK, 8 << 20, unlimited}, // unlimited would move mappings
	{"limit core", syscall.RLIMIT_CORE, 0, 0},
	{"limit rss", 5, unlimited, unlimited},
	{"limit nofile", syscall.RLIMIT_NOFILE, 1024, 1 << 19},
	{"limit memlock", 8, 8 << 20, 8 << 20},
	{"limit as", syscall.RLIMIT_AS, unlimited, unlimited},
	{"limit locks", 10, unlimited, unlimited},
	{"limit nice", 13, 0, 0},
	{"limit rtprio", 14, 0, 0},
	{"limit rttime", 15, unlimited, unlimited},
}

// set sets a limit, or as much of it as the hard limit allows where that may not be raised.
func (l limit) set(inherited map[string]string) {
	var now [2]uint64
	_, _, errno := syscall.RawSyscall6(syscall.SYS_PRLIMIT64, 0, uintptr(l.number), 0,
		uintptr(unsafe.Pointer(&now)), 0, 0)
	if errno != 0 {
		return // this kernel has no such limit
	}
	for _, hard := range []uint64{l.hard, least(l.hard, now[1])} {
		soft := least(l.soft, hard)
		if syscall.Setrlimit(l.number, &syscall.Rlimit{Cur: soft, Max: hard}) != nil {
			continue
		}
		now = [2]uint64{soft, hard}
		break
	}
	if now[0] != l.soft || (l.number == syscall.RLIMIT_NOFILE && now[1] != l.hard) { // Go raises that one
		inherited[l.name] = strconv.FormatUint(now[0], 10) + " of " + strconv.FormatUint(now[1], 10)
	}
}

func least(a, b uint64) uint64 {
	if a < b {
		return a
	}
	return b
}

// settleScheduling undoes nice, chrt and ionice. A new process has the priorities of the thread that
// starts it.
func settleScheduling(inherited map[string]string) {
	const resetOnFork = 0x40000000
	var parameter int32
	syscall.RawSyscall(syscall.SYS_SCHED_SETSCHEDULER, 0, 0, uintptr(unsafe.Pointer(&parameter)))
	policy, _, errno := syscall.RawSyscall(syscall.SYS_SCHED_GETSCHEDULER, 0, 0, 0)
	if policy &^= resetOnFork; errno == 0 && policy != 0 {
		inherited["scheduling policy"] = strconv.Itoa(int(policy))
	}
	syscall.Setpriority(syscall.PRIO_PROCESS, 0, 0)
	if kernel, err := syscall.Getpriority(syscall.PRIO_PROCESS, 0); err == nil && kernel != 20 {
		inherited["nice"] = strconv.Itoa(20 - kernel)
	}
	const process = 1
	if _, _, errno := syscall.RawSyscall(syscall.SYS_IOPRIO_SET, process, 0, 0); errno == syscall.EPERM {
		inherited["I/O priority"] = errno.Error()
	}
	const setTimerSlack, usual = 29, 50_000 // nanoseconds
	syscall.RawSyscall(syscall.SYS_PRCTL, setTimerSlack, usual, 0)
}

// settleMemory undoes setarch, numactl, and settings of prctl(2) about huge and shared pages.
func settleMemory(inherited map[string]string) {
	const ask = 0xffffffff
	syscall.RawSyscall(syscall.SYS_PERSONALITY, 0, 0, 0)
	if now, _, errno := syscall.RawSyscall(syscall.SYS_PERSONALITY, ask, 0, 0); errno == 0 && now != 0 {
		inherited["personality"] = "0x" + strconv.FormatUint(uint64(now), 16)
	}
	_, _, errno := syscall.RawSyscall(syscall.SYS_SET_MEMPOLICY, 0, 0, 0)
	if errno != 0 && errno != syscall.ENOSYS {
		inherited["memory policy"] = errno.Error()
	}
	const setTHPDisable, getTHPDisable, setMerge, getMerge, getMDWE = 41, 42, 67, 68, 66
	for _, p := range []struct {
		name     string
		set, get uintptr
	}{
		{"no huge pages", setTHPDisable, getTHPDisable},
		{"page merging", setMerge, getMerge},
		{"no writable code", 0, getMDWE}, // cannot be undone
	} {
		if p.set != 0 {
			syscall.RawSyscall6(syscall.SYS_PRCTL, p.set, 0, 0, 0, 0, 0)
		}
		now, _, errno := syscall.RawSyscall6(syscall.SYS_PRCTL, p.get, 0, 0, 0, 0, 0)
		if errno == 0 && now != 0 {
			inherited[p.name] = strconv.Itoa(int(now))
		}
	}
}

// setFile writes a value to a file of this process; name is empty for what need not be reported.
func setFile(path, value, name string, inherited map[string]string) {
	if os.WriteFile(path, []byte(value), 0) == nil || name == "" {
		return
	}
	if now, err := os.ReadFile(path); err == nil && strings.TrimSpace(string(now)) != value {
		inherited[name] = strings.TrimSpace(string(now))
	}
}

// defaultSignals restores signals that are ignored or blocked: SIGHUP is ignored under nohup, SIGINT and
// SIGQUIT in the background of a shell, and Go keeps such dispositions.
func defaultSignals() {
	const ignored, setMask, size = 1, 2, 8
	var none struct {
		handler, flags, restorer uintptr
		mask                     uint64
	}
	for number := uintptr(1); number <= 64; number++ {
		old := none
		syscall.RawSyscall6(syscall.SYS_RT_SIGACTION, number, 0, uintptr(unsafe.Pointer(&old)), size, 0, 0)
		if old.handler == ignored {
			syscall.RawSyscall6(syscall.SYS_RT_SIGACTION, number, uintptr(unsafe.Pointer(&none)), 0, size, 0, 0)
		}
	}
	var mask uint64
	syscall.RawSyscall6(syscall.SYS_RT_SIGPROCMASK, setMask, uintptr(unsafe.Pointer(&mask)), 0, size, 0, 0)
}

func pin(cpus []int) error {
	if len(cpus) == 0 {
		return nil
	}
	var mask [16]uint64 // 1024 CPUs
	for _, cpu := range cpus {
		if cpu < 0 || cpu >= 64*len(mask) {
			return syscall.EINVAL
		}
		mask[cpu/64] |= 1 << (cpu % 64)
	}
	_, _, errno := syscall.RawSyscall(syscall.SYS_SCHED_SETAFFINITY, 0,
		unsafe.Sizeof(mask), uintptr(unsafe.Pointer(&mask)))
	if errno != 0 {
		return errno
	}
	return nil
}

func files(j job) []uintptr {
	input := j.Input
	if input < 0 {
		null, err := syscall.Open("/dev/null", syscall.O_RDONLY|syscall.O_CLOEXEC, 0)
		if err != nil {
			null = 0
		}
		input = null
	}
	list := []uintptr{uintptr(input), uintptr(j.Output), uintptr(j.Output)}
	if len(j.Files) == 0 {
		return list
	}
	for len(list) < j.FirstFile {
		list = append(list, ^uintptr(0)) // closed in the workload
	}
	for _, file := range j.Files {
		list = append(list, uintptr(file))
	}
	return list
}

// closeFiles leaves the descriptors to the workload alone, so that the harness sees when it closes them.
func closeFiles(j job) {
	syscall.Close(j.Output)
	if j.Input >= 0 {
		syscall.Close(j.Input)
	}
	for _, file := range j.Files {
		syscall.Close(file)
	}
}

func (u *usage) add(r syscall.Rusage) {
	u.User += r.Utime.Nano()
	u.System += r.Stime.Nano()
	if rss := int64(r.Maxrss) << 10; rss > u.MaxRSS {
		u.MaxRSS = rss
	}
	u.Minor += int64(r.Minflt)
	u.Major += int64(r.Majflt)
	u.Switches += int64(r.Nvcsw)
	u.Preempts += int64(r.Nivcsw)
}

func monotonic() int64 {
	var now syscall.Timespec
	syscall.RawSyscall(syscall.SYS_CLOCK_GETTIME, 1, uintptr(unsafe.Pointer(&now)), 0)
	return now.Nano()
}

func answer(event interface{}) {
	data, err := json.Marshal(event)
	if err == nil {
		os.Stdout.Write(append(data, '\n'))
	}
}
