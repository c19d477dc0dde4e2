package channel

import (
	"io"
	"os"
	"time"
)

// lifelineEnv says, when it is "stdin", that standard input is a pipe whose other end the host holds.
const lifelineEnv = "STAGECRAFT_LIFELINE"

// parentCheck is how often a connector looks whether its parent is still the one that started it.
const parentCheck = 250 * time.Millisecond

// exitHostGone is the exit code of a connector whose host is gone.
const exitHostGone = 3

// leaveWithHost ends the process when the host is gone, so that a connector never sends on for a host that will start
// another one. Two things are watched: the lifeline, which the system closes the moment the host dies, and the parent's
// process ID, for hosts that give no lifeline. A third is the host's affair: Start asks Linux to kill the connector with
// the thread that started it and keeps that thread, which also reaches a connector that is stopped. That cannot be asked
// from here, because the thread of an unknown host may end long before the host does.
func leaveWithHost() {
	if os.Getenv(lifelineEnv) == "stdin" {
		lifeline := os.Stdin
		go func() {
			_, _ = io.Copy(io.Discard, lifeline)
			os.Exit(exitHostGone)
		}()
	}
	parent := os.Getppid()
	go func() {
		for range time.Tick(parentCheck) {
			if os.Getppid() != parent {
				os.Exit(exitHostGone)
			}
		}
	}()
}
