// Added to runtime/debug beside probe.go where the probe mode is "full". Linking runtime/pprof makes
// the linker keep the runtime's memory profiler on; without it the runtime never samples.

package debug

import (
	"os"
	"runtime"
	"runtime/pprof"
)

// Before any init of the package, for the probe's own starts goroutines that may read it.
var _ = func() bool {
	gomatrixWriteProfile = gomatrixHeapProfile
	return true
}()

func gomatrixHeapProfile(path string) error {
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o644)
	if err != nil {
		return err
	}
	runtime.GC() // the profile holds what the last collection found
	err = pprof.Lookup("heap").WriteTo(file, 0)
	if closed := file.Close(); err == nil {
		err = closed
	}
	return err
}
