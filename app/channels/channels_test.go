//go:build unix

package channels_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"stagecraft/app/channels"
	"stagecraft/app/lifecycle"
)

func id(n int) lifecycle.ID { return lifecycle.HashID("test", fmt.Sprint(n)) }

func ref(n int) lifecycle.Ref {
	return lifecycle.Ref{Partition: 7, Decided: time.UnixMilli(1700000000000).UTC(), ID: id(n)}
}

func outgoing(subjects ...string) []channels.Outgoing {
	var out []channels.Outgoing
	for i, subject := range subjects {
		out = append(out, channels.Outgoing{
			ID: id(i), Attempt: 1, Kind: lifecycle.Marketing,
			Rendered: lifecycle.Rendered{To: "ada@example.com", Subject: subject, Text: "Hello", Date: time.UnixMilli(1700000000000)},
		})
	}
	return out
}

func outcomes(receipts []lifecycle.Receipt) []lifecycle.Outcome {
	var out []lifecycle.Outcome
	for _, r := range receipts {
		out = append(out, r.Outcome)
	}
	return out
}

const (
	accepted  = lifecycle.OutcomeAccepted
	temporary = lifecycle.OutcomeTemporary
	permanent = lifecycle.OutcomePermanent
	inDoubt   = lifecycle.OutcomeInDoubt
)

func options(t testing.TB) channels.Options {
	return channels.Options{
		Dir: filepath.Join(t.TempDir(), "run"), StartTimeout: 30 * time.Second, SendTimeout: 30 * time.Second,
		PingTimeout: 30 * time.Second, CloseTimeout: 10 * time.Second, MinBackoff: time.Millisecond, MaxBackoff: 10 * time.Millisecond,
	}
}

// start starts a connector of a kind that serve knows; the test ends by closing the host.
func start(t testing.TB, o channels.Options, kind, settings string) *channels.Channel {
	t.Helper()
	h := channels.New(o)
	executable, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	c, err := h.Start(t.Context(), channels.Spec{
		Channel: "email", Name: kind, Command: []string{executable, "plugin", kind}, Settings: json.RawMessage(settings),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		pid := c.Status().PID
		if err := h.Close(context.Background()); err != nil {
			t.Error(err)
		}
		if pid != 0 && alive(pid) {
			t.Errorf("process %d is left after Close", pid)
		}
		if left, _ := filepath.Glob(filepath.Join(o.Dir, "*")); len(left) > 0 {
			t.Errorf("files are left after Close: %v", left)
		}
		if got := c.Status(); got.State != channels.Stopped || got.PID != 0 {
			t.Errorf("status after Close: %+v", got)
		}
	})
	return c
}

func ready(t testing.TB, c *channels.Channel) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := c.WaitReady(ctx); err != nil {
		t.Fatalf("%v; log: %v", err, c.Status().Log)
	}
}

// signal sends a signal to the connector's process, whose ID it returns.
func signal(t *testing.T, c *channels.Channel, s syscall.Signal) (pid int) {
	t.Helper()
	if pid = c.Status().PID; pid == 0 { // which would be this process and all of its group
		t.Fatalf("the connector has no process: %+v", c.Status())
	}
	if err := syscall.Kill(pid, s); err != nil {
		t.Fatal(err)
	}
	return pid
}

// eventually waits for what another process does.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !ok(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("never happened: %s", what)
		}
	}
}

func alive(pid int) bool {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return !os.IsNotExist(err) && syscall.Kill(pid, 0) == nil
	}
	text := string(data)
	return !strings.HasPrefix(text[strings.LastIndexByte(text, ')')+1:], " Z")
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

func TestLogConnector(t *testing.T) {
	folder := t.TempDir()
	c := start(t, options(t), "log", fmt.Sprintf(`{"folder":%q}`, folder))
	ready(t, c)
	for range 2 {
		if diff := cmp.Diff([]lifecycle.Outcome{accepted, accepted}, outcomes(c.Send(t.Context(), outgoing("a", "b")))); diff != "" {
			t.Error(diff)
		}
	}
	files, _ := filepath.Glob(filepath.Join(folder, "*.ndjson"))
	text := ""
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		text += string(data)
	}
	if strings.Count(text, "\n") != 2 || !strings.Contains(text, id(1).String()) || !c.Idempotent() {
		t.Errorf("idempotent %t: %s", c.Idempotent(), text)
	}
}

func TestReceiptsInOrder(t *testing.T) {
	c := start(t, options(t), "puppet", `{}`)
	ready(t, c)
	got := c.Send(t.Context(), outgoing("ok", "refuse", "later", "ok"))
	want := []lifecycle.Receipt{
		{Message: id(0), Outcome: accepted},
		{Message: id(1), Outcome: permanent, Reason: "\uFFFD not liked"},
		{Message: id(2), Outcome: temporary, Reason: "busy", RetryAfter: 90 * time.Second},
		{Message: id(3), Outcome: accepted},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if c.Idempotent() || !c.Ready() || c.Status().PID == 0 {
		t.Errorf("idempotent %t, ready %t, %+v", c.Idempotent(), c.Ready(), c.Status())
	}
	if got := c.Send(t.Context(), nil); len(got) != 0 {
		t.Errorf("receipts for nothing: %v", got)
	}
	if got := c.Send(t.Context(), outgoing(slices.Repeat([]string{"ok"}, 250)...)); len(got) != 250 || got[249].Message != id(249) || got[249].Outcome != accepted {
		t.Errorf("a batch over the limit: %d receipts", len(got))
	}
}

func TestLittleEnvironment(t *testing.T) {
	t.Setenv("SECRET_OF_THE_HOST", "hunter2")
	c := start(t, options(t), "puppet", `{}`)
	ready(t, c)
	text := c.Send(t.Context(), outgoing("environment"))[0].Reason
	if strings.Contains(text, "hunter2") || !strings.Contains(text, "PATH=") {
		t.Errorf("environment of the connector: %s", text)
	}
}

func TestTooLargeMessage(t *testing.T) {
	c := start(t, options(t), "puppet", `{}`)
	ready(t, c)
	batch := outgoing("ok", "ok", "ok")
	batch[1].Text = strings.Repeat("x", 33<<20)
	batch[2].Text = strings.Repeat("x", 9<<20)
	if diff := cmp.Diff([]lifecycle.Outcome{accepted, permanent, accepted}, outcomes(c.Send(t.Context(), batch))); diff != "" {
		t.Error(diff)
	}
}

func TestCrashInABatchIsInDoubtAndRestarted(t *testing.T) {
	c := start(t, options(t), "puppet", `{}`)
	ready(t, c)
	before := c.Status().PID
	if diff := cmp.Diff([]lifecycle.Outcome{inDoubt, inDoubt, inDoubt}, outcomes(c.Send(t.Context(), outgoing("ok", "crash", "ok")))); diff != "" {
		t.Error(diff)
	}
	eventually(t, "restart", func() bool { s := c.Status(); return s.State == channels.Running && s.Restarts == 1 })
	if s := c.Status(); s.PID == before || !strings.Contains(s.LastError, "exit status 9") {
		t.Errorf("%+v", s)
	}
	if got := c.Send(t.Context(), outgoing("ok")); got[0].Outcome != accepted {
		t.Errorf("after the restart: %+v", got)
	}
}

func TestPanicCostsOnlyItsBatch(t *testing.T) {
	c := start(t, options(t), "puppet", `{}`)
	ready(t, c)
	before := c.Status().PID
	if got := c.Send(t.Context(), outgoing("panic")); got[0].Outcome != inDoubt {
		t.Errorf("%+v", got)
	}
	if got := c.Send(t.Context(), outgoing("ok")); got[0].Outcome != accepted || c.Status().PID != before {
		t.Errorf("%+v", got)
	}
	eventually(t, "the stack in the log", func() bool { return strings.Contains(strings.Join(c.Status().Log, "\n"), "what now") })
}

func TestDeadlineKills(t *testing.T) {
	c := start(t, options(t), "puppet", `{}`)
	ready(t, c)
	before := c.Status().PID
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	if got := c.Send(ctx, outgoing("hang", "ok")); outcomes(got)[0] != inDoubt || outcomes(got)[1] != inDoubt {
		t.Errorf("%+v", got)
	}
	eventually(t, "end of the hanging connector", func() bool { return !alive(before) })
	eventually(t, "restart", func() bool { return c.Ready() && c.Status().PID != before })
	if text := c.Status().LastError; !strings.Contains(text, "deadline") {
		t.Errorf("last error: %s", text)
	}
}

func TestConnectorEndsBeforeTheDeadline(t *testing.T) {
	t.Parallel()
	o := options(t)
	o.SendTimeout = 5 * time.Second
	c := start(t, o, "puppet", `{}`)
	ready(t, c)
	var got []lifecycle.Receipt
	for range 5 { // it has half a second to say so; a busy machine may need that for itself
		before := c.Status().PID
		got = c.Send(t.Context(), outgoing("patient"))
		if got[0].Outcome == temporary && got[0].Reason == "out of time" && c.Status().PID == before {
			return
		}
		ready(t, c)
	}
	t.Errorf("%+v", got)
}

func TestCancelledCallDoesNotKill(t *testing.T) {
	c := start(t, options(t), "puppet", `{}`)
	ready(t, c)
	before := c.Status().PID
	ctx, cancel := context.WithCancel(t.Context())
	mark := filepath.Join(t.TempDir(), "mark")
	var sending sync.WaitGroup
	sending.Go(func() {
		if got := c.Send(ctx, outgoing("mark "+mark, "patient")); got[0].Outcome != inDoubt || got[1].Outcome != inDoubt {
			t.Errorf("%+v", got)
		}
	})
	eventually(t, "begin of the batch", func() bool { return exists(mark) })
	cancel()
	sending.Wait()
	if got := c.Send(ctx, outgoing("ok")); got[0].Outcome != temporary {
		t.Errorf("with an ended context: %+v", got)
	}
	if got := c.Send(t.Context(), outgoing("ok")); got[0].Outcome != accepted || c.Status().PID != before {
		t.Errorf("%+v", got)
	}
}

func TestStoppedProcessIsFoundByPing(t *testing.T) {
	o := options(t)
	o.PingInterval, o.PingTimeout = 50*time.Millisecond, 5*time.Second
	c := start(t, o, "puppet", `{}`)
	ready(t, c)
	before := signal(t, c, syscall.SIGSTOP)
	eventually(t, "restart", func() bool { s := c.Status(); return s.State == channels.Running && s.PID != before })
	if alive(before) {
		t.Error("the stopped process is still there")
	}
	if text := c.Status().LastError; !strings.Contains(text, "health check") {
		t.Errorf("last error: %s", text)
	}
}

func TestStoppedProcessDoesNotHoldUpClose(t *testing.T) {
	o := options(t)
	o.CloseTimeout = 200 * time.Millisecond
	c := start(t, o, "puppet", `{}`)
	ready(t, c)
	signal(t, c, syscall.SIGSTOP)
}

func TestGarbageOnStdout(t *testing.T) {
	c := start(t, options(t), "garbage", `{}`)
	eventually(t, "several tries", func() bool { return c.Status().Restarts >= 3 })
	if text := c.Status().LastError; !strings.Contains(text, "Welcome to this connector!") || !strings.Contains(text, "standard output") {
		t.Errorf("last error: %s", text)
	}
	if got := c.Send(t.Context(), outgoing("ok")); got[0].Outcome != temporary {
		t.Errorf("%+v", got)
	}
}

func TestStartFailures(t *testing.T) {
	for _, test := range []struct{ name, kind, settings, want string }{
		{"ends at once", "crash", `{}`, "ended before it announced itself"},
		{"another protocol", "future", `{}`, "incompatible API version"},
		{"settings refused", "puppet", `{"refuse":"color must be blue"}`, "refused its settings: color must be blue"},
		{"settings no object", "puppet", `[1]`, "must be a JSON object"},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := start(t, options(t), test.kind, test.settings)
			eventually(t, "two tries", func() bool { return c.Status().Restarts >= 2 })
			if text := c.Status().LastError; !strings.Contains(text, test.want) {
				t.Errorf("last error: %s", text)
			}
			if c.Ready() || c.Send(t.Context(), outgoing("ok"))[0].Outcome != temporary {
				t.Error("it takes messages")
			}
		})
	}
	t.Run("silent", func(t *testing.T) {
		o := options(t)
		o.StartTimeout = 100 * time.Millisecond
		c := start(t, o, "silent", `{}`)
		eventually(t, "two tries", func() bool { return c.Status().Restarts >= 2 })
		if text := c.Status().LastError; !strings.Contains(text, "did not announce itself in time") {
			t.Errorf("last error: %s", text)
		}
	})
	t.Run("log", func(t *testing.T) {
		c := start(t, options(t), "crash", `{}`)
		eventually(t, "its words", func() bool { return slices.Contains(c.Status().Log, "no luck today") })
	})
}

func TestSpecsRefused(t *testing.T) {
	h := channels.New(channels.Options{Dir: t.TempDir()})
	for _, spec := range []channels.Spec{
		{Channel: "email", Name: "x"},
		{Channel: "../x", Name: "x", Command: []string{"x"}},
		{Channel: "email", Name: "", Command: []string{"x"}},
	} {
		if _, err := h.Start(t.Context(), spec); lifecycle.CodeOf(err) != lifecycle.Invalid {
			t.Errorf("%+v: %v", spec, err)
		}
	}
	missing := channels.Spec{Channel: "email", Name: "x", Command: []string{filepath.Join(t.TempDir(), "missing")}}
	c, err := h.Start(t.Context(), missing)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := h.Start(t.Context(), missing); lifecycle.CodeOf(err) != lifecycle.Conflict {
		t.Errorf("the same channel twice: %v", err)
	}
	eventually(t, "error", func() bool { return strings.Contains(c.Status().LastError, "no such file") })
	if err := h.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := h.Start(t.Context(), missing); lifecycle.CodeOf(err) != lifecycle.Unavailable {
		t.Errorf("after Close: %v", err)
	}
	if err := c.WaitReady(t.Context()); lifecycle.CodeOf(err) != lifecycle.Unavailable {
		t.Errorf("WaitReady after Close: %v", err)
	}
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := channels.New(channels.Options{Dir: file}).Start(t.Context(), missing); lifecycle.CodeOf(err) != lifecycle.Internal {
		t.Errorf("a file as folder: %v", err)
	}
}

func TestLyingReceipts(t *testing.T) {
	reports := make(chan channels.Report, 10)
	o := options(t)
	o.Reports = func(r channels.Report) { reports <- r }
	c := start(t, o, "liar", `{}`)
	ready(t, c)
	got := c.Send(t.Context(), outgoing("ok", "unknown", "missing", "twice", "strange", "unspecified", "ok"))
	want := []lifecycle.Outcome{accepted, inDoubt, inDoubt, inDoubt, inDoubt, inDoubt, accepted}
	if diff := cmp.Diff(want, outcomes(got)); diff != "" {
		t.Error(diff)
	}
	for i, r := range got {
		if r.Message != id(i) {
			t.Errorf("receipt %d is for %s", i, r.Message)
		}
	}
	// What it reports in between may be said after it.
	if text := c.Status().LastError; !strings.Contains(text, "5 of 7") && !strings.Contains(text, "no ID") {
		t.Errorf("last error: %s", text)
	}
	if got := c.Send(t.Context(), outgoing("long"))[0]; got.Outcome != permanent || len(got.Reason) > 3000 {
		t.Errorf("%s, %d bytes", got.Outcome, len(got.Reason))
	}
	want1 := channels.Report{Channel: "email", Message: ref(1), Event: "bounced", Reason: "unknown user", At: time.UnixMilli(1000).UTC()}
	if diff := cmp.Diff(want1, <-reports); diff != "" {
		t.Error(diff)
	}
}

func TestMissingReceipt(t *testing.T) {
	c := start(t, options(t), "puppet", `{}`)
	ready(t, c)
	if diff := cmp.Diff([]lifecycle.Outcome{accepted, inDoubt}, outcomes(c.Send(t.Context(), outgoing("missing", "ok")))); diff != "" {
		t.Error(diff)
	}
}

func TestFloodCostsNothing(t *testing.T) {
	for _, flood := range []string{"flood", "flood out", "flood2"} {
		t.Run(flood, func(t *testing.T) {
			c := start(t, options(t), "puppet", `{}`)
			ready(t, c)
			if got := c.Send(t.Context(), outgoing(flood)); got[0].Outcome != accepted {
				t.Fatalf("%+v", got)
			}
			for range 20 {
				if got := c.Send(t.Context(), outgoing("ok", "slow 5ms")); got[0].Outcome != accepted {
					t.Fatalf("%+v", got)
				}
			}
			size := 0
			lines := c.Status().Log
			for _, line := range lines {
				size += len(line)
			}
			if len(lines) > 200 || size > 64<<10 {
				t.Errorf("%d lines with %d bytes are kept", len(lines), size)
			}
		})
	}
}

func TestBackoffGrowsByTheClock(t *testing.T) {
	clock := lifecycle.NewManualClock(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC))
	o := options(t)
	o.Clock, o.MinBackoff, o.MaxBackoff = clock, 100*time.Millisecond, 30*time.Second
	c := start(t, o, "crash", `{}`)
	for failures, most := 0, 100*time.Millisecond; failures < 11; failures++ {
		eventually(t, "backoff", func() bool { s := c.Status(); return s.State == channels.Backoff && s.Restarts == failures })
		receipt := c.Send(t.Context(), outgoing("ok"))[0]
		if receipt.Outcome != temporary || receipt.RetryAfter > most || receipt.RetryAfter < most/2 {
			t.Errorf("failure %d: %+v, expected between %s and %s", failures, receipt, most/2, most)
		}
		clock.Advance(receipt.RetryAfter)
		most = min(2*most, 30*time.Second)
	}
}

func TestBackoffStartsAnewAfterAHealthyMinute(t *testing.T) {
	clock := lifecycle.NewManualClock(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC))
	o := options(t)
	o.Clock, o.MinBackoff, o.MaxBackoff = clock, 100*time.Millisecond, 30*time.Second
	c := start(t, o, "puppet", `{}`)
	for failures, test := range []struct{ runs, most time.Duration }{
		{time.Second, 100 * time.Millisecond}, {time.Second, 200 * time.Millisecond}, {time.Second, 400 * time.Millisecond},
		{time.Minute, 100 * time.Millisecond},
	} {
		ready(t, c)
		clock.Advance(test.runs)
		c.Send(t.Context(), outgoing("crash"))
		eventually(t, "backoff", func() bool { s := c.Status(); return s.State == channels.Backoff && s.Restarts == failures })
		after := c.Send(t.Context(), outgoing("ok"))[0].RetryAfter
		if after > test.most || after < test.most/2 {
			t.Errorf("failure %d: again after %s, expected at most %s", failures, after, test.most)
		}
		clock.Advance(after)
	}
}

func TestCloseLetsBatchesFinish(t *testing.T) {
	mark, begun := filepath.Join(t.TempDir(), "mark"), filepath.Join(t.TempDir(), "begun")
	o := options(t)
	h := channels.New(o)
	executable, _ := os.Executable()
	c, err := h.Start(t.Context(), channels.Spec{
		Channel: "email", Name: "puppet", Command: []string{executable, "plugin", "puppet"}, Settings: json.RawMessage(`{"file":"` + mark + `"}`),
	})
	if err != nil {
		t.Fatal(err)
	}
	ready(t, c)
	var sending sync.WaitGroup
	sending.Go(func() {
		if got := c.Send(t.Context(), outgoing("mark "+begun, "slow 200ms", "ok")); got[0].Outcome != accepted {
			t.Errorf("the batch under way: %+v", got)
		}
	})
	eventually(t, "begin of the batch", func() bool { return exists(begun) })
	if err := h.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	sending.Wait()
	if !exists(mark) {
		t.Error("the connector was not closed in good order")
	}
}

func TestHostKilledLeavesNoConnector(t *testing.T) {
	for _, stopped := range []bool{false, true} {
		t.Run(fmt.Sprintf("stopped %t", stopped), func(t *testing.T) {
			dir := t.TempDir()
			executable, _ := os.Executable()
			host := exec.Command(executable, "host", dir, "puppet")
			out, err := host.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := host.Start(); err != nil {
				t.Fatal(err)
			}
			var n, pid int
			line, err := bufio.NewReader(out).ReadString('\n')
			if _, scan := fmt.Sscan(line, &n, &pid); err != nil || scan != nil || !alive(pid) {
				t.Fatalf("%q %v %v", line, err, scan)
			}
			if stopped {
				if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
					t.Fatal(err)
				}
			}
			_ = host.Process.Kill()
			_ = host.Wait()
			eventually(t, "end of the connector", func() bool { return !alive(pid) })
			// The next host clears up what is left in the folder.
			if err := channels.New(channels.Options{Dir: dir}).Close(t.Context()); err != nil {
				t.Error(err)
			}
			if left, _ := filepath.Glob(filepath.Join(dir, "*")); len(left) > 0 {
				t.Errorf("left: %v", left)
			}
		})
	}
}

func TestLeftoversAreKilledOnlyIfTheyAreOurs(t *testing.T) {
	run := func(t *testing.T, forge func(text string) string, copied bool) *exec.Cmd {
		o := options(t)
		c := start(t, o, "puppet", `{}`)
		ready(t, c)
		path := filepath.Join(o.Dir, "email.pid")
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		// A process of its own stands for a connector that a dead host left behind.
		orphan := exec.Command("sleep", "3600")
		orphan.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
		if err := orphan.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = orphan.Process.Kill(); _ = orphan.Wait() })
		var record map[string]any
		if err := json.Unmarshal(data, &record); err != nil {
			t.Fatal(err)
		}
		stat, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", orphan.Process.Pid))
		boot, _, _ := strings.Cut(record["started"].(string), " ")
		fields := strings.Fields(string(stat))
		record["pid"], record["started"] = orphan.Process.Pid, forge(boot+" "+fields[21])
		dir := t.TempDir()
		if !copied {
			record["folder"] = dir
		}
		data, _ = json.Marshal(record)
		if err := os.WriteFile(filepath.Join(dir, "email.pid"), data, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := channels.New(channels.Options{Dir: dir}).Close(t.Context()); err != nil {
			t.Error(err)
		}
		return orphan
	}
	if _, err := os.Stat("/proc/self/stat"); err != nil {
		t.Skip("needs /proc")
	}
	t.Run("ours", func(t *testing.T) {
		if orphan := run(t, func(text string) string { return text }, false); alive(orphan.Process.Pid) {
			t.Error("it lives")
		}
	})
	t.Run("another with the same ID", func(t *testing.T) {
		if orphan := run(t, func(text string) string { return text + "1" }, false); !alive(orphan.Process.Pid) {
			t.Error("it was killed")
		}
	})
	t.Run("another server's, in a copy of its folder", func(t *testing.T) {
		if orphan := run(t, func(text string) string { return text }, true); !alive(orphan.Process.Pid) {
			t.Error("it was killed")
		}
	})
}

func TestLongFolder(t *testing.T) {
	o := options(t)
	o.Dir = filepath.Join(t.TempDir(), strings.Repeat("long/", 30))
	c := start(t, o, "puppet", `{}`)
	ready(t, c)
	if got := c.Send(t.Context(), outgoing("ok")); got[0].Outcome != accepted {
		t.Errorf("%+v", got)
	}
}
