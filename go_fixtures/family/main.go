// Family keeps a little memory itself while a child process of it uses much more for a while.
//
// It exercises no feature of the runtime but os/exec. What it shows is the same on every Go version: the
// resident set of the program itself (rss.peak) says nothing of the child's, tree.rss.peak does. With
// BEHAVIOUR=off in its environment it has no child, so that one matrix holds both.
package main

import (
	"flag"
	"os"
	"os/exec"
	"time"
)

var keep []byte

func main() {
	own := flag.Int("mib", 20, "MiB that the parent keeps")
	flag.Int("child-mib", 300, "MiB that the child uses")
	linger := flag.Duration("linger", 200*time.Millisecond, "how long the child keeps it")
	flag.Parse()
	keep = make([]byte, *own<<20)
	for i := range keep {
		keep[i] = 1
	}
	if os.Getenv("FAMILY_CHILD") != "" {
		time.Sleep(*linger)
		return
	}
	if os.Getenv("BEHAVIOUR") == "off" {
		time.Sleep(*linger)
		return
	}
	command := exec.Command(os.Args[0], "-mib", flag.Lookup("child-mib").Value.String(),
		"-linger", linger.String())
	command.Env = append(os.Environ(), "FAMILY_CHILD=1")
	command.Stdout, command.Stderr = os.Stdout, os.Stderr
	if err := command.Run(); err != nil {
		panic(err)
	}
}
