// This file is added to the standard package runtime by `go build -overlay`. It bounds the memory that
// the memory profiler takes for stacks, where the probe and not the program has it on: from Go 1.23 on
// the runtime keeps 128 frames of each stack, and a program whose stacks are many and deep would take
// megabytes for them that it never takes by itself.

package runtime

import (
	"internal/abi"
	"internal/runtime/atomic"
	"unsafe"
)

const (
	gomatrixDepth   = 32        // innermost frames that are kept, as by Go up to 1.22
	gomatrixShallow = 8         // and beyond the budget; two of them are the runtime's from Go 1.26 on
	gomatrixLeast   = 768 << 10 // bytes of budget in a small heap
	gomatrixShare   = 256       // of the heap in use; the larger of the two
	gomatrixFine    = 32 << 10  // bytes up to which objects have one of few sizes
)

// gomatrixHeads has a list of buckets for each remainder of a hash. The runtime's own table is 176 times
// as large, and as good as every sample touches another page of it.
type gomatrixHeads [1024]atomic.UnsafePointer // *bucket

var (
	// gomatrixBounded is set by the linker where runtime/debug has it too, with true for its value.
	//
	//go:linkname gomatrixBounded
	gomatrixBounded bool

	gomatrixTable atomic.UnsafePointer // *gomatrixHeads
	gomatrixKept  atomic.Uintptr       // bytes of the table and all buckets; changes under profInsertLock
)

// gomatrixProfiler returns how many bytes the memory profiler takes because of the probe; bucket_plain.go returns
// all ones where that is unknown.
//
//go:linkname gomatrixProfiler runtime/debug.gomatrixProfiler
func gomatrixProfiler() uintptr {
	return gomatrixKept.Load()
}

// gomatrixBucket is what mProf_Malloc calls instead of stkbucket, with the same arguments, so that its code
// has the same length. Stacks beyond the budget lose their outer frames; beyond another quarter of it, all frames.
func gomatrixBucket(typ bucketType, size uintptr, stk []uintptr, alloc bool) *bucket {
	if !gomatrixBounded {
		return stkbucket(typ, size, stk, alloc)
	}
	if len(stk) > gomatrixDepth {
		stk = stk[:gomatrixDepth]
	}
	if b := gomatrixFind(size, stk); b != nil {
		return b
	}
	budget := uintptr(gcController.heapInUse.load()) / gomatrixShare
	if budget < gomatrixLeast {
		budget = gomatrixLeast
	}
	if b := gomatrixMake(size, stk, budget); b != nil {
		return b
	}
	if len(stk) > gomatrixShallow {
		stk = stk[:gomatrixShallow]
	}
	if b := gomatrixMake(size, stk, budget+budget/4); b != nil {
		return b
	}
	// One frame, which is no program's: whoever writes heap dumps expects one.
	none := [1]uintptr{gomatrixNowhere()}
	if size > gomatrixFine { // eight sizes between two powers of two
		step := uintptr(1)
		for step<<4 < size {
			step <<= 1
		}
		size = (size + step - 1) &^ (step - 1)
	}
	return gomatrixMake(size, none[:], ^uintptr(0))
}

// gomatrixNowhere returns the frame of buckets without a stack.
func gomatrixNowhere() uintptr {
	return abi.FuncPCABIInternal(gomatrixBucket) + 1
}

// gomatrixFind returns the bucket of a stack, or nil.
func gomatrixFind(size uintptr, stk []uintptr) *bucket {
	heads := (*gomatrixHeads)(gomatrixTable.Load())
	if heads == nil {
		return nil
	}
	h := gomatrixHash(size, stk)
	for b := (*bucket)(heads[h%uintptr(len(heads))].Load()); b != nil; b = b.next {
		if b.hash == h && b.size == size && eqslice(b.stk(), stk) {
			return b
		}
	}
	return nil
}

// gomatrixMake returns the bucket of a stack, or nil if it would be a new one beyond the limit in bytes.
func gomatrixMake(size uintptr, stk []uintptr, limit uintptr) *bucket {
	lock(&profInsertLock)
	if gomatrixTable.Load() == nil {
		kept := unsafe.Sizeof(gomatrixHeads{})
		gomatrixTable.StoreNoWB(persistentalloc(kept, 0, &memstats.buckhash_sys))
		gomatrixKept.Add(kept)
	}
	b := gomatrixFind(size, stk)
	takes := unsafe.Sizeof(bucket{}) + uintptr(len(stk))*unsafe.Sizeof(stk[0]) + unsafe.Sizeof(memRecord{})
	if b == nil && gomatrixKept.Load()+takes <= limit {
		b = newBucket(memProfile, len(stk))
		copy(b.stk(), stk)
		b.hash = gomatrixHash(size, stk)
		b.size = size
		head := &(*gomatrixHeads)(gomatrixTable.Load())[b.hash%uintptr(len(gomatrixHeads{}))]
		b.next = (*bucket)(head.Load())
		b.allnext = (*bucket)(mbuckets.Load())
		head.StoreNoWB(unsafe.Pointer(b))
		mbuckets.StoreNoWB(unsafe.Pointer(b))
		gomatrixKept.Add(takes)
	}
	unlock(&profInsertLock)
	return b
}

// gomatrixHash is stkbucket's.
func gomatrixHash(size uintptr, stk []uintptr) uintptr {
	var h uintptr
	for _, pc := range stk {
		h += pc
		h += h << 10
		h ^= h >> 6
	}
	h += size
	h += h << 10
	h ^= h >> 6
	h += h << 3
	h ^= h >> 11
	return h
}
