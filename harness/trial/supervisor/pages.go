package main

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"sort"
	"syscall"
	"time"
	"unsafe"
)

// What is known of a page of the Go heap. The file of states has one byte for each.
const (
	absent  = iota // not resident
	written        // resident, with content
	zeroed         // resident, all zeros: never written since the kernel gave it, or cleared
	shared         // the kernel's own page of zeros, which a read maps: present, but no memory of the program
)

const (
	pageSize     = 4096
	goPageSize   = 8192    // of the Go heap
	chunkPages   = 512     // read at a time; they and their copy fit a processor's cache
	headSize     = 64      // a cache line: what is read of each page at first
	mostRanges   = 1 << 16 // of a request
	mostSpans    = 1 << 24
	mostSpanSize = 4096 // bytes of one record
)

// longest is how long a look may take: the program waits, and gives up after 10 s.
const longest = 4 * time.Second

// A process counts as at rest if no thread of it is about to run, and it uses less than a tenth of the time
// beyond what a thread needs to wake up. The kernel brings the time of a thread up to date at each tick.
const (
	firstLook  = 2 * time.Millisecond
	restShare  = 10
	restSlack  = 200 * time.Microsecond
	restChunks = 8 // from one look at the threads to the next
)

var (
	errRunsOn  = errors.New("the program ran on meanwhile")
	errTooMuch = errors.New("more is resident in the Go heap than is looked at")
	errTooLong = errors.New("the Go heap is too large to be looked at in 4 s on this machine")
)

// walk reads which pages of the ranges are resident and which of these are zero. The program waits, or the look ends
// as soon as it does not, where that was asked for: it may neither be looked at in motion nor be held up.
func walk(request pagesRequest) pages {
	answer := pages{Event: "pages"}
	if err := answer.read(request); err != nil {
		answer = pages{Event: "pages", Error: err.Error()}
	}
	return answer
}

func (p *pages) read(request pagesRequest) error {
	if len(request.Ranges) > mostRanges || os.Getpagesize() != pageSize {
		return fmt.Errorf("%d ranges of pages of %d bytes", len(request.Ranges), os.Getpagesize())
	}
	table, err := os.Open(fmt.Sprintf("/proc/%d/pagemap", request.PID))
	if err != nil {
		return err
	}
	defer table.Close()
	w := walker{
		pid: request.PID, table: table, most: request.Most / pageSize, start: time.Now(), atRest: request.AtRest,
		content: make([]byte, chunkPages*pageSize),
	}
	if w.atRest {
		w.used = cpuTime(w.pid)
		time.Sleep(firstLook)
	}
	ranges := make([]pageRange, len(request.Ranges))
	for i, bounds := range request.Ranges {
		ranges[i] = pageRange{bounds[0], make([]byte, (bounds[1]-bounds[0])/pageSize)}
		if err := w.look(ranges[i]); err != nil {
			return err
		}
	}
	if err := w.mayGoOn(true); err != nil {
		return err
	}
	for _, r := range ranges {
		for _, state := range r.states {
			p.Resident += pageSize * isResident[state]
			if state == zeroed {
				p.Zero += pageSize
			} else if state == shared {
				p.Shared += pageSize
			}
		}
	}
	if len(request.Spans) == 7 {
		if err := w.divide(p, request.Spans, ranges); err != nil {
			return fmt.Errorf("the runtime's spans: %w", err)
		}
		p.Divided = true
	}
	if request.Path == "" {
		return nil
	}
	return save(request.Path, ranges)
}

type pageRange struct {
	start  uint64
	states []byte // one a page
}

var isResident = [...]int64{absent: 0, written: 1, zeroed: 1, shared: 0}

type walker struct {
	pid     int
	table   *os.File
	most    int64 // pages to read
	start   time.Time
	atRest  bool
	used    time.Duration // CPU time of the process at the start
	content []byte
	heads   [chunkPages * headSize]byte
	zeros   [pageSize]byte
	blank   bool // whether most pages of the last run were zero
}

// look fills in the states of a range.
func (w *walker) look(r pageRange) error {
	entries := make([]byte, 8*chunkPages)
	var ofZeros zeroPages
	for first := 0; first < len(r.states); first += chunkPages {
		if err := w.mayGoOn(first/chunkPages%restChunks == 0); err != nil {
			return err
		}
		states := r.states[first:]
		if len(states) > chunkPages {
			states = states[:chunkPages]
		}
		address := r.start + uint64(first)*pageSize
		if _, err := w.table.ReadAt(entries[:8*len(states)], int64(address/pageSize*8)); err != nil {
			return err
		}
		for i := 0; i < len(states); {
			if !isPresent(entries, i) {
				i++
				continue
			}
			end := i + 1
			for end < len(states) && isPresent(entries, end) {
				end++
			}
			ofZeros.find(w.table, r.start, len(r.states))
			if err := w.compare(address, i, states[i:end], entries, &ofZeros); err != nil {
				return err
			}
			i = end
		}
	}
	return nil
}

func (w *walker) mayGoOn(threads bool) error {
	taken := time.Since(w.start)
	if w.atRest && (cpuTime(w.pid)-w.used > taken/restShare+restSlack || threads && runnable(w.pid)) {
		return errRunsOn
	}
	if taken > longest {
		return errTooLong
	}
	return nil
}

// runnable tells whether a thread of a process runs, or would if it had a processor.
func runnable(pid int) bool {
	tasks, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", pid))
	for _, task := range tasks {
		stat, _ := os.ReadFile(task)
		if end := bytes.LastIndexByte(stat, ')'); end >= 0 && bytes.HasPrefix(stat[end:], []byte(") R")) {
			return true
		}
	}
	return false
}

// cpuTime is what all threads of a process have used, by its clock (clock_getcpuclockid(3)); 0 where it has gone.
func cpuTime(pid int) time.Duration {
	const scheduled = 2
	var now syscall.Timespec
	syscall.RawSyscall(syscall.SYS_CLOCK_GETTIME, uintptr(^pid<<3|scheduled), uintptr(unsafe.Pointer(&now)), 0)
	return time.Duration(now.Nano())
}

// Bits of an entry of /proc/PID/pagemap (Documentation/admin-guide/mm/pagemap.rst).
const (
	presentBit   = 1 << 63
	exclusiveBit = 1 << 56
)

func isPresent(entries []byte, i int) bool {
	return binary.LittleEndian.Uint64(entries[8*i:])&presentBit != 0
}

// compare reads a run of present pages, and tells zeros from content.
func (w *walker) compare(address uint64, first int, states, entries []byte, ofZeros *zeroPages) error {
	start := address + uint64(first)*pageSize
	for i := range states {
		states[i] = written
		if ofZeros.has(start+uint64(i)*pageSize, binary.LittleEndian.Uint64(entries[8*(first+i):])) {
			states[i] = shared
		}
	}
	if w.most -= int64(len(states)); w.most < 0 {
		return errTooMuch
	}
	err := w.tell(start, states)
	w.blank = 2*bytes.Count(states, []byte{written}) < len(states)
	return err
}

// tell tells zeros from content. A page with content mostly begins with some, and is not read to the end; where most
// are zero, to read the beginnings too would be for nothing.
func (w *walker) tell(start uint64, states []byte) error {
	if w.blank {
		return w.tellWhole(start, states)
	}
	heads := w.heads[:len(states)*headSize]
	if err := readHeads(w.pid, start, heads); err != nil {
		return err
	}
	blank := func(i int) bool { return string(heads[i*headSize:(i+1)*headSize]) == string(w.zeros[:headSize]) }
	for i := 0; i < len(states); {
		if !blank(i) {
			states[i] = written
			i++
			continue
		}
		end := i + 1
		for end < len(states) && blank(end) {
			end++
		}
		if err := w.tellWhole(start+uint64(i)*pageSize, states[i:end]); err != nil {
			return err
		}
		i = end
	}
	return nil
}

func (w *walker) tellWhole(start uint64, states []byte) error {
	content := w.content[:len(states)*pageSize]
	if err := readMemory(w.pid, start, content); err != nil {
		return err
	}
	for i := range states {
		if zero := string(content[i*pageSize:(i+1)*pageSize]) == string(w.zeros[:]); !zero {
			states[i] = written
		} else if states[i] == written {
			states[i] = zeroed
		}
	}
	return nil
}

// zeroPages are those that map the kernel's shared page of zeros.
type zeroPages struct {
	asked   bool
	known   bool // whether the kernel tells them apart (Linux 6.7 and later)
	regions []region
}

type region struct{ start, end, categories uint64 }

// find asks the kernel once for a whole range (PAGEMAP_SCAN, linux/fs.h).
func (z *zeroPages) find(table *os.File, start uint64, count int) {
	if z.asked {
		return
	}
	z.asked, z.known = true, true
	const scan, isPFNZero, most = 0xc0606610, 1 << 5, 1024
	end := start + uint64(count)*pageSize
	regions := make([]region, most)
	for start < end && z.known {
		arguments := struct {
			size, flags, start, end, walkEnd, vec, vecLen, maxPages uint64
			inverted, mask, anyOf, returned                         uint64
		}{
			size: 96, start: start, end: end, vec: uint64(uintptr(unsafe.Pointer(&regions[0]))),
			vecLen: most, mask: isPFNZero, returned: isPFNZero,
		}
		found, _, errno := syscall.Syscall(syscall.SYS_IOCTL, table.Fd(), scan, uintptr(unsafe.Pointer(&arguments)))
		if errno != 0 || arguments.walkEnd <= start {
			z.known = false
			break
		}
		z.regions = append(z.regions, regions[:found]...)
		start = arguments.walkEnd
	}
}

// has tells whether a page is one of them. Where the kernel did not say, a page that is nobody's alone
// counts as one, as long as it is zero.
func (z *zeroPages) has(address, entry uint64) bool {
	if !z.known {
		return entry&exclusiveBit == 0
	}
	i := sort.Search(len(z.regions), func(i int) bool { return z.regions[i].end > address })
	return i < len(z.regions) && z.regions[i].start <= address
}

// divide tells what of the resident pages belongs to objects, to unused slots beside them, and to spans
// that the runtime uses otherwise: for stacks and the collector's buffers. What is left is free.
//
// layout: the address of runtime.mheap_.allspans; the size of a record; where in it the span's start, pages,
// object size, number of objects and state are.
func (w *walker) divide(p *pages, layout []uint64, ranges []pageRange) error {
	records, err := w.spans(layout)
	if err != nil {
		return err
	}
	size := int(layout[1])
	const inUse, manually = 1, 2 // mSpanState of runtime/mheap.go
	for ; len(records) > 0; records = records[size:] {
		field := func(i int) uint64 { return binary.LittleEndian.Uint64(records[layout[i]:]) }
		start, bytes, state := field(2), field(3)*goPageSize, records[layout[6]]
		if state != inUse && state != manually {
			continue
		}
		resident := residentIn(ranges, start, bytes)
		if state == manually {
			p.Manual += resident
			continue
		}
		used := uint64(binary.LittleEndian.Uint16(records[layout[5]:])) * field(4)
		if bytes == 0 || used > bytes {
			continue // changed while it was read
		}
		part := int64(float64(resident) * float64(used) / float64(bytes))
		p.Held += int64(used)
		p.Objects += part
		p.Unused += resident - part
	}
	return nil
}

func residentIn(ranges []pageRange, start, bytes uint64) (resident int64) {
	for _, r := range ranges {
		end := r.start + uint64(len(r.states))*pageSize
		if start < r.start || start >= end || bytes > end-start {
			continue
		}
		first := (start - r.start) / pageSize
		for _, state := range r.states[first : first+bytes/pageSize] {
			resident += pageSize * isResident[state]
		}
	}
	return resident
}

// spans reads every record of a span, one after another.
func (w *walker) spans(layout []uint64) ([]byte, error) {
	var slice [16]byte
	if err := readMemory(w.pid, layout[0], slice[:]); err != nil {
		return nil, err
	}
	count, size := binary.LittleEndian.Uint64(slice[8:]), layout[1]
	if count > mostSpans || size > mostSpanSize {
		return nil, fmt.Errorf("%d records of %d bytes", count, size)
	}
	for _, offset := range layout[2:] {
		if offset+8 > size {
			return nil, fmt.Errorf("a field at %d of %d bytes", offset, size)
		}
	}
	table := make([]byte, 8*count)
	if err := readMemory(w.pid, binary.LittleEndian.Uint64(slice[:]), table); err != nil {
		return nil, err
	}
	addresses := make([]uint64, count)
	for i := range addresses {
		addresses[i] = binary.LittleEndian.Uint64(table[8*i:])
	}
	sort.Slice(addresses, func(i, j int) bool { return addresses[i] < addresses[j] })
	records := make([]byte, 0, count*size)
	for len(addresses) > 0 {
		// the runtime makes them of blocks, so that many lie side by side
		together := 1
		for together < len(addresses) && addresses[together]+size-addresses[0] <= uint64(len(w.content)) &&
			addresses[together]-addresses[together-1] <= pageSize {
			together++
		}
		block := w.content[:addresses[together-1]+size-addresses[0]]
		if err := readMemory(w.pid, addresses[0], block); err != nil {
			return nil, err
		}
		for _, address := range addresses[:together] {
			records = append(records, block[address-addresses[0]:][:size]...)
		}
		addresses = addresses[together:]
	}
	return records, nil
}

// readMemory copies from another process.
func readMemory(pid int, address uint64, content []byte) error {
	for len(content) > 0 {
		n, err := readVector(pid, [][2]uintptr{{uintptr(address), uintptr(len(content))}}, content)
		if err != nil {
			return err
		}
		address += uint64(n)
		content = content[n:]
	}
	return nil
}

// readHeads copies the beginnings of pages that lie side by side.
func readHeads(pid int, start uint64, heads []byte) error {
	remote := make([][2]uintptr, len(heads)/headSize)
	for i := range remote {
		remote[i] = [2]uintptr{uintptr(start) + uintptr(i)*pageSize, headSize}
	}
	if n, err := readVector(pid, remote, heads); err != nil {
		return err
	} else if n < len(heads) {
		return syscall.EFAULT // a page has gone
	}
	return nil
}

// readVector copies parts of another process's memory, each an address and a size, one after another
// (process_vm_readv(2)). It returns how many bytes it could copy, which are more than none.
func readVector(pid int, remote [][2]uintptr, content []byte) (int, error) {
	number, known := map[string]uintptr{"amd64": 310, "arm64": 270}[runtime.GOARCH]
	if !known {
		return 0, syscall.ENOSYS
	}
	local := [2]uintptr{uintptr(unsafe.Pointer(&content[0])), uintptr(len(content))}
	n, _, errno := syscall.Syscall6(number, uintptr(pid), uintptr(unsafe.Pointer(&local)), 1,
		uintptr(unsafe.Pointer(&remote[0])), uintptr(len(remote)), 0)
	if errno != 0 {
		return 0, errno
	}
	if n == 0 {
		return 0, syscall.EFAULT
	}
	return int(n), nil
}

// save writes the states: of each range its start, its number of pages and a byte for each of them.
func save(path string, ranges []pageRange) error {
	os.Remove(path) // of an earlier snapshot
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	out := bufio.NewWriter(file)
	for _, r := range ranges {
		var head [16]byte
		binary.LittleEndian.PutUint64(head[:], r.start)
		binary.LittleEndian.PutUint64(head[8:], uint64(len(r.states)))
		out.Write(head[:])
		out.Write(r.states)
	}
	err = out.Flush()
	if closed := file.Close(); err == nil {
		err = closed
	}
	return err
}
