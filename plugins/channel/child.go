package channel

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"sync"
	"time"
)

// child is the subprocess as go-plugin's runner. It exists because go-plugin's own gives a connector neither a process
// group nor a lifeline, and starts it from a thread that may end.
type child struct {
	name    string
	started func(pid int) error
	command *exec.Cmd
	done    chan struct{} // closed when the process is gone

	stdout, stderr, lifeline *os.File

	mu     sync.Mutex
	id     int  // 0 before the start
	reaped bool // its process ID is no longer ours to signal
	killed bool // also when this was asked for before the start
	how    string
}

func newChild(name string, started func(int) error) *child {
	return &child{name: name, started: started, done: make(chan struct{})}
}

// Start starts the process from a thread that is kept until the process has ended: the system's promise to kill a
// child with its parent is bound to the parent's thread.
func (c *child) Start(context.Context) error {
	var files []*os.File
	pipe := func() (r, w *os.File, err error) {
		if r, w, err = os.Pipe(); err == nil {
			files = append(files, r, w)
		}
		return r, w, err
	}
	fail := func(err error) error {
		for _, file := range files {
			_ = file.Close()
		}
		return err
	}
	in, lifeline, err := pipe()
	if err != nil {
		return fail(err)
	}
	stdout, out, err := pipe()
	if err != nil {
		return fail(err)
	}
	stderr, errs, err := pipe()
	if err != nil {
		return fail(err)
	}
	c.command.Stdin, c.command.Stdout, c.command.Stderr = in, out, errs
	isolate(c.command)
	result := make(chan error)
	go c.run(result)
	if err := <-result; err != nil {
		return fail(err)
	}
	_, _, _ = in.Close(), out.Close(), errs.Close()
	c.stdout, c.stderr, c.lifeline = stdout, stderr, lifeline
	go c.release()
	if c.started != nil {
		if err := c.started(c.pid()); err != nil {
			c.kill()
			return err
		}
	}
	return nil
}

func (c *child) run(result chan<- error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	c.mu.Lock()
	err := c.command.Start()
	if err == nil {
		c.id = c.command.Process.Pid
	}
	killed := c.killed
	c.mu.Unlock()
	result <- err
	if err != nil {
		return
	}
	if killed {
		c.kill()
	}
	if awaitExit(c.pid()) {
		c.mu.Lock()
		killGroup(c.id) // children of its own; the ID is still held by the process that was not yet waited for
		c.reaped = true
		c.mu.Unlock()
	}
	err = c.command.Wait()
	c.mu.Lock()
	c.reaped = true
	c.how = "it ended by itself"
	if err != nil {
		c.how = "it ended: " + err.Error()
	}
	if c.killed {
		c.how = "it was killed"
	}
	c.mu.Unlock()
	close(c.done)
}

// release lets the readers of the pipes end even if a process that left the group still holds the other ends.
func (c *child) release() {
	<-c.done
	soon := time.Now().Add(300 * time.Millisecond)
	_, _ = c.stdout.SetReadDeadline(soon), c.stderr.SetReadDeadline(soon)
	_ = c.lifeline.Close()
}

// kill ends the process group at once; asked for before the start, it takes effect then.
func (c *child) kill() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.reaped {
		return
	}
	c.killed = true
	if c.id != 0 {
		killGroup(c.id)
	}
}

func (c *child) pid() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.id
}

func (c *child) ended() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.how
}

// wait returns when the process is gone and its pipes are closed; at once if it never ran.
func (c *child) wait() {
	if c.pid() == 0 {
		return
	}
	<-c.done
	_, _ = c.stdout.Close(), c.stderr.Close()
}

// What go-plugin asks of a runner.

func (c *child) Wait(context.Context) error      { <-c.done; return nil }
func (c *child) Kill(context.Context) error      { c.kill(); return nil }
func (c *child) Stdout() io.ReadCloser           { return slowReader{c.stdout, newThrottle()} }
func (c *child) Stderr() io.ReadCloser           { return slowReader{c.stderr, newThrottle()} }
func (c *child) Name() string                    { return c.name }
func (c *child) Diagnose(context.Context) string { return "" }

func (c *child) ID() string {
	if pid := c.pid(); pid != 0 {
		return strconv.Itoa(pid)
	}
	return ""
}

func (c *child) PluginToHost(network, address string) (string, string, error) {
	if network != "unix" && runtime.GOOS != "windows" {
		return "", "", fmt.Errorf("the connector listens on %s; only a Unix socket is private", network)
	}
	return network, address, nil
}

func (c *child) HostToPlugin(network, address string) (string, string, error) {
	return network, address, nil
}
