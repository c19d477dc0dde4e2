//go:build unix

package channels_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"stagecraft/app/channels"
	"stagecraft/app/lifecycle"
)

func TestAChannelKeepsItsRate(t *testing.T) {
	c := limited(t, options(t), channels.Limits{Rate: 100})
	began := time.Now()
	// 25 leave at once, the others a quarter of a second later each.
	got := push(t, c, strings.Fields(strings.Repeat("ok ", 75))...)
	if took := time.Since(began); len(got) != 75 || got[74] != accepted || took < 490*time.Millisecond {
		t.Errorf("%v in %s", got, took)
	}
}

// push sends messages as the channel admits them.
func push(t *testing.T, c *channels.Channel, texts ...string) (got []lifecycle.Outcome) {
	for len(texts) > 0 {
		pass := c.Admit(t.Context(), len(texts), false)
		pass.Keep(pass.N)
		got = append(got, outcomes(c.Send(t.Context(), outgoing(texts[:pass.N]...)))...)
		texts = texts[pass.N:]
		pass.Leave()
	}
	return got
}

func TestAFailingConnectorGetsAPause(t *testing.T) {
	clock := lifecycle.NewManualClock(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC))
	o := options(t)
	o.Clock, o.MinBackoff, o.MaxBackoff = clock, 200*time.Millisecond, time.Second
	c := start(t, o, "liar", `{}`)
	ready(t, c)
	for range 3 {
		if diff := cmp.Diff([]lifecycle.Outcome{inDoubt}, outcomes(c.Send(t.Context(), outgoing("missing")))); diff != "" {
			t.Fatal(diff)
		}
	}
	r := c.Send(t.Context(), outgoing("ok"))[0]
	if r.Outcome != temporary || r.RetryAfter <= 0 || !strings.Contains(r.Reason, "pause") || c.Ready() || !c.Status().Broken {
		t.Errorf("%+v", r)
	}
	if clock.Advance(r.RetryAfter); !c.Ready() {
		t.Error("no try after the pause")
	}
	if r := c.Send(t.Context(), outgoing("ok"))[0]; r.Outcome != accepted || c.Status().Broken {
		t.Errorf("%+v", r)
	}
	// One failure does not matter then.
	c.Send(t.Context(), outgoing("missing"))
	if r := c.Send(t.Context(), outgoing("ok"))[0]; r.Outcome != accepted {
		t.Errorf("%+v", r)
	}
}

func TestACallbackReachesTheConnector(t *testing.T) {
	o := options(t)
	h := channels.New(o)
	defer h.Close(t.Context())
	executable, _ := os.Executable()
	if _, _, err := h.Callback(t.Context(), "sms", "", channels.Callback{}); lifecycle.CodeOf(err) != lifecycle.NotFound {
		t.Error(err)
	}
	for _, kind := range []string{"puppet", "phone"} {
		c, err := h.Start(t.Context(), channels.Spec{Channel: map[string]string{"puppet": "email", "phone": "sms"}[kind], Name: kind, Command: []string{executable, "plugin", kind}})
		if err != nil {
			t.Fatal(err)
		}
		ready(t, c)
	}
	reply, reports, err := h.Callback(t.Context(), "sms", "", channels.Callback{Method: "POST", Path: "/in", Body: []byte("STOP")})
	if err != nil || reply.Status != 200 || string(reply.Body) != "/in" {
		t.Errorf("%+v %v", reply, err)
	}
	want := []channels.Report{
		{Channel: "sms", From: "+84901234567", Event: "unsubscribed", Data: map[string]string{"text": "STOP"}},
		{Channel: "sms", Message: ref(2), Event: "delivered", At: time.UnixMilli(9).UTC()},
		{Channel: "sms", Message: ref(3), Event: "delivered"}, // in years that nobody means
		{Channel: "sms", Message: ref(4), Event: "delivered"},
	}
	if diff := cmp.Diff(want, reports); diff != "" {
		t.Error(diff)
	}
	_, _, err = h.Callback(t.Context(), "email", "", channels.Callback{})
	code(t, err, lifecycle.NotFound, "takes no callbacks")
	_, _, err = h.Callback(t.Context(), "sms", "", channels.Callback{Body: make([]byte, channels.MaxCallbackBytes+1)})
	code(t, err, lifecycle.TooLarge, "at most")
	_, _, err = h.Callback(t.Context(), "sms", "", channels.Callback{Path: "/nonsense"})
	code(t, err, lifecycle.Unavailable, "status 7")
}

// Providers do not repeat what was refused. Whoever makes many callbacks waits for himself, and others do not wait for him.
func TestCallbacksWaitForTheirTurn(t *testing.T) {
	o := options(t)
	o.SendTimeout = time.Minute
	h := channels.New(o)
	defer h.Close(t.Context())
	executable, _ := os.Executable()
	c, err := h.Start(t.Context(), channels.Spec{Channel: "sms", Name: "phone", Command: []string{executable, "plugin", "phone"}})
	if err != nil {
		t.Fatal(err)
	}
	ready(t, c)
	file := filepath.Join(t.TempDir(), "go on")
	var stranger sync.WaitGroup
	var failed atomic.Int64
	call := func(from string, n, bytes int) {
		for range n {
			stranger.Go(func() {
				if _, _, err := h.Callback(t.Context(), "sms", from, channels.Callback{Path: "/until " + file, Body: make([]byte, bytes)}); err != nil {
					failed.Add(1)
				}
			})
		}
	}
	call("192.0.2.1", 100, 0)
	call("192.0.2.2", 9, 1_000_000) // more than one may have lie here
	eventually(t, "what is too much is refused", func() bool { return failed.Load() == 1 })
	for _, from := range []string{"192.0.2.2", "192.0.2.3"} {
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		if _, _, err := h.Callback(ctx, "sms", from, channels.Callback{Path: "/in", Body: []byte("STOP")}); err != nil {
			t.Errorf("from %s: %v", from, err)
		}
		cancel()
	}
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	stranger.Wait()
	if failed.Load() != 1 {
		t.Errorf("%d were refused", failed.Load())
	}
}

// A provider that refuses a message because they have said STOP to it tells of them, not of that message alone.
func TestWhoeverHasTheAddressWantsNothing(t *testing.T) {
	reports := make(chan channels.Report, 10)
	o := options(t)
	o.Reports = func(r channels.Report) { reports <- r }
	c := start(t, o, "phone", `{}`)
	ready(t, c)
	messages := outgoing("unsubscribed")
	messages[0].Ref = ref(1)
	if diff := cmp.Diff([]lifecycle.Outcome{permanent}, outcomes(c.Send(t.Context(), messages))); diff != "" {
		t.Error(diff)
	}
	got := <-reports
	got.At = time.Time{}
	want := channels.Report{Channel: "email", Message: ref(1), From: "ada@example.com", Event: "unsubscribed", Reason: "they said STOP",
		Data: map[string]string{"code": "21610"}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestAnAddressThatIsGoneIsReported(t *testing.T) {
	reports := make(chan channels.Report, 10)
	o := options(t)
	o.Reports = func(r channels.Report) { reports <- r }
	c := start(t, o, "phone", `{}`)
	ready(t, c)
	messages := outgoing("ok", "gone")
	messages[1].Ref, messages[1].Data = ref(1), map[string]string{"title": "T"}
	if diff := cmp.Diff([]lifecycle.Outcome{accepted, permanent}, outcomes(c.Send(t.Context(), messages))); diff != "" {
		t.Error(diff)
	}
	got := <-reports
	got.At = time.Time{}
	want := channels.Report{Channel: "email", Message: ref(1), From: "ada@example.com", Event: "bounced", Reason: ref(1).String(),
		Data: map[string]string{"gone": "1", "kind": "hard", "title": "T"}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
