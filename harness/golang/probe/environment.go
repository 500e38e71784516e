// This file is added to the standard package syscall by `go build -overlay`. It takes a variable out of
// the environment without what os.Unsetenv needs, the deletion from a map, which many a program lacks.

package syscall

import _ "unsafe" // for go:linkname

// gomatrixTakeEnv removes a variable from the environment, and returns what it was.
//
// It does not take envLock, for it is called while packages are initialised. An entry that is empty
// counts as removed, as Unsetenv leaves it; its length alone changes, so that whoever reads it at
// this moment sees it whole or empty.
//
//go:linkname gomatrixTakeEnv runtime/debug.gomatrixTakeEnv
func gomatrixTakeEnv(key string) (value string, found bool) {
	for i, entry := range envs {
		if len(entry) > len(key) && entry[:len(key)] == key && entry[len(key)] == '=' {
			envs[i] = entry[:0]
			runtimeUnsetenv(key) // C's environment
			return entry[len(key)+1:], true
		}
	}
	return "", false
}
