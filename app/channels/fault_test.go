//go:build linux

package channels_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"stagecraft/app/channels"
	"stagecraft/app/lifecycle"
)

// fault is one way in which a connector breaks.
type fault struct {
	name string
	kind string // of connector, see serve
	// subjects are of the messages of one batch, and want what their receipts must say; hold is what is done to a connector
	// that is ready, before that.
	subjects []string
	want     lifecycle.Outcome
	hold     func(t *testing.T, c *channels.Channel)
	words    string // of Status.LastError in the end; "" does not matter
}

var faults = []fault{
	{name: "crash", kind: "puppet", subjects: []string{"ok", "crash", "ok"}, want: inDoubt, words: "exit status 9"},
	{name: "stop", kind: "puppet", subjects: []string{"ok", "ok"}, want: inDoubt, words: "deadline", hold: func(t *testing.T, c *channels.Channel) {
		pid := signal(t, c, syscall.SIGSTOP)
		eventually(t, "its stop", func() bool { // all of its threads have to notice
			stopped, threads := 0, 0
			files, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", pid))
			for _, file := range files {
				text, _ := os.ReadFile(file)
				_, rest, _ := strings.Cut(string(text), ") ")
				threads++
				if strings.HasPrefix(rest, "T") {
					stopped++
				}
			}
			return threads > 0 && stopped == threads
		})
	}},
	{name: "slow", kind: "puppet", subjects: []string{"slow 60s"}, want: inDoubt, words: "deadline"},
	{name: "garbage", kind: "garbage", subjects: []string{"ok"}, want: temporary, words: "Welcome to this connector!"},
	{name: "garbage while it runs", kind: "puppet", subjects: []string{"flood out", "flood1", "ok"}, want: accepted},
	{name: "flood of errors", kind: "puppet", subjects: []string{"flood2", "ok"}, want: accepted},
	{name: "lies", kind: "liar", subjects: []string{"missing", "unknown", "twice", "strange", "unspecified"}, want: inDoubt},
	{name: "protocol", kind: "future", subjects: []string{"ok"}, want: temporary, words: "incompatible API version"},
	{name: "changed", kind: "changed", subjects: []string{"ok"}, want: temporary, words: "has changed"},
}

// TestFaults breaks connectors in every way, STAGECRAFT_FAULTS times each, while another channel sends on: every message
// has one receipt that says the truth, the other channel does not feel it, and no process is left.
func TestFaults(t *testing.T) {
	times := 3
	if text := os.Getenv("STAGECRAFT_FAULTS"); text != "" {
		var err error
		if times, err = strconv.Atoi(text); err != nil || times < 1 {
			t.Fatalf("STAGECRAFT_FAULTS must be how often each fault happens, not %q", text)
		}
	}
	h := channels.New(faultOptions(t))
	other, err := h.Start(t.Context(), specOf(t, "sms", "phone", "{}"))
	if err != nil {
		t.Fatal(err)
	}
	ready(t, other)
	n := &neighbour{T: t, channel: other, stop: make(chan struct{})}
	var calling sync.WaitGroup
	calling.Go(n.run)
	for _, f := range faults {
		t.Run(f.name, func(t *testing.T) {
			n.take()
			time.Sleep(min(time.Duration(times)*100*time.Millisecond, 3*time.Second))
			before, count := n.take()
			for range times {
				f.happen(t, h, n)
			}
			during, more := n.take()
			t.Logf("%3d times; the other channel's p99 %s before, %s during: ratio %.2f (%d, %d calls)", times,
				before.Round(10*time.Microsecond), during.Round(10*time.Microsecond), float64(during)/float64(before), count, more)
		})
	}
	close(n.stop)
	calling.Wait()
	if err := h.Close(context.Background()); err != nil {
		t.Error(err)
	}
	if left := childrenOf(os.Getpid()); len(left) > 0 {
		t.Errorf("processes are left: %v", left)
	}
}

func faultOptions(t *testing.T) channels.Options {
	o := options(t)
	o.MinBackoff, o.MaxBackoff, o.CloseTimeout = time.Millisecond, 10*time.Millisecond, 2*time.Second
	return o
}

// happen starts a connector, has it break, and ends it.
func (f fault) happen(t *testing.T, h *channels.Host, n *neighbour) {
	t.Helper()
	spec := specOf(t, "email", f.kind, "{}")
	if f.kind == "changed" {
		p := channels.Plugins{Data: t.TempDir()}
		install(t, p.Data, "puppet", "first")
		if _, err := p.Approve("puppet", "", time.Now()); err != nil {
			t.Fatal(err)
		}
		spec = channels.Spec{Channel: "email", Name: "puppet", Plugins: &p}
	}
	c, err := h.Start(t.Context(), spec)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		c.Stop(ctx)
		if status := c.Status(); status.PID != 0 {
			t.Errorf("stopped: %+v", status)
		}
	}()
	starts := f.kind != "garbage" && f.kind != "future"
	if starts {
		ready(t, c)
	} else {
		eventually(t, "a start that fails", func() bool { return c.Status().LastError != "" })
	}
	if f.kind == "changed" {
		install(t, spec.Plugins.Data, "puppet", "second")
		signal(t, c, syscall.SIGKILL)
		eventually(t, "the refusal", func() bool { return strings.Contains(c.Status().LastError, f.words) })
	}
	if f.hold != nil {
		f.hold(t, c)
	}
	calls := n.count()
	ctx := t.Context()
	if f.words == "deadline" { // this call only: a busy machine may hold the others up for as long
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, time.Second)
		defer cancel()
	}
	receipts := c.Send(ctx, outgoing(f.subjects...))
	if f.words == "deadline" && n.count() < calls+2 { // two, as one may have been under way before
		t.Error("the other channel waited for this one")
	}
	if len(receipts) != len(f.subjects) {
		t.Fatalf("%d receipts for %d messages", len(receipts), len(f.subjects))
	}
	for i, r := range receipts {
		if r.Message != id(i) || r.Outcome != f.want {
			t.Errorf("receipt %d: %+v, expected %s", i, r, f.want)
		}
	}
	if f.words != "" {
		defer func() {
			if t.Failed() {
				t.Logf("in the end: %+v", c.Status())
			}
		}()
		eventually(t, f.words, func() bool { return strings.Contains(c.Status().LastError, f.words) })
	}
	if starts && f.kind != "changed" {
		eventually(t, "recovery", func() bool { return c.Status().State == channels.Running })
	}
}

// neighbour sends by a channel that is well, all the time.
type neighbour struct {
	*testing.T
	channel *channels.Channel
	stop    chan struct{}

	mu    sync.Mutex
	took  []time.Duration // since take
	calls int             // all of them
}

func (n *neighbour) run() {
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-n.stop:
			return
		case <-tick.C:
		}
		began := time.Now()
		if r := n.channel.Send(context.Background(), outgoing("ok"))[0]; r.Outcome != accepted {
			n.Errorf("the other channel: %+v", r)
			return
		}
		n.mu.Lock()
		n.took = append(n.took, time.Since(began))
		n.calls++
		n.mu.Unlock()
	}
}

// count returns how many calls there were.
func (n *neighbour) count() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.calls
}

// take returns the 99th percentile of the calls since it was called last, and their number.
func (n *neighbour) take() (p99 time.Duration, count int) {
	n.mu.Lock()
	defer n.mu.Unlock()
	took := n.took
	n.took = nil
	if len(took) == 0 {
		return 0, 0
	}
	slices.Sort(took)
	return took[len(took)*99/100], len(took)
}

// childrenOf returns the processes whose parent is this one.
func childrenOf(parent int) (left []string) {
	files, _ := filepath.Glob("/proc/[0-9]*/status")
	for _, file := range files {
		status, err := os.Open(file)
		if err != nil {
			continue
		}
		for lines := bufio.NewScanner(status); lines.Scan(); {
			if lines.Text() == fmt.Sprintf("PPid:\t%d", parent) {
				left = append(left, file)
			}
		}
		status.Close()
	}
	return left
}

// TestAConnectorThatReportsWithoutEnd is heard no faster than the store likes, and reports of what is not known are not
// passed on.
func TestAConnectorThatReportsWithoutEnd(t *testing.T) {
	var mu sync.Mutex
	heard := map[string]int{}
	o := options(t)
	o.Clock = lifecycle.NewManualClock(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC))
	o.Reports = func(r channels.Report) {
		mu.Lock()
		defer mu.Unlock()
		heard[r.Event]++
	}
	c := start(t, o, "gossip", `{}`)
	ready(t, c)
	total := func() (n int) {
		mu.Lock()
		defer mu.Unlock()
		for _, times := range heard {
			n += times
		}
		return n
	}
	last := -1
	eventually(t, "an end of what is heard", func() bool {
		now := total()
		quiet := now == last && now > 0
		last = now
		if !quiet {
			time.Sleep(100 * time.Millisecond)
		}
		return quiet
	})
	if last > 400 || heard["sneezed"] > 0 {
		t.Errorf("heard at once: %v", heard)
	}
	if log := strings.Join(c.Status().Log, "\n"); strings.Count(log, "sneezed") != 1 {
		t.Errorf("what was not heard is to stand in the log once: %s", log)
	}
	if r := c.Send(t.Context(), outgoing("ok"))[0]; r.Outcome != accepted {
		t.Errorf("meanwhile: %+v", r)
	}
}
