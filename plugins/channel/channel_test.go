//go:build unix

package channel_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"stagecraft/plugins/channel"
	"stagecraft/plugins/channeltest"
)

func TestMain(m *testing.M) {
	if len(os.Args) > 2 && os.Args[1] == "plugin" {
		switch os.Args[2] {
		case "pigeon":
			channel.Serve(&Pigeon{})
		case "echo":
			channel.Serve(echo{})
		}
		return
	}
	goleak.VerifyTestMain(m)
}

func TestExampleConforms(t *testing.T) {
	channeltest.Run(t, channeltest.Self(t, "plugin", "pigeon"), `{"loft":"north"}`, channeltest.WithRefusedSettings(`{}`))
}

// echo reports what it was given, and later says that all of it was delivered.
type echo struct{}

func (echo) Describe() channel.Description {
	return channel.Description{
		Name: "echo", Version: "2.1", Channels: []string{"email", "sms"}, Idempotent: true, MaxBatch: 5, Schema: json.RawMessage(`{"type":"object"}`),
	}
}
func (echo) Configure(context.Context, json.RawMessage) error { return nil }
func (echo) Send(_ context.Context, messages []channel.Message) []channel.Receipt {
	receipts := channel.All(messages, channel.Permanent, "", 0)
	for i, m := range messages {
		text, _ := json.Marshal(m)
		receipts[i].Reason = string(text)
		receipts[i].Data = m.Data
		if m.Subject == "bad" {
			receipts[i].Reason = "\xff\xfe" + strings.Repeat("ü", 5000)
		}
	}
	return receipts
}
func (echo) Health(context.Context) error { return errors.New("a little tired") }
func (echo) Close() error                 { return nil }
func (echo) Report(ctx context.Context, emit func(channel.Report) error) error {
	for i := range 3 {
		if err := emit(channel.Report{ID: fmt.Sprint(i), Event: "delivered", Date: time.UnixMilli(int64(i)).UTC(), From: "x", Data: map[string]string{"a": "b"}}); err != nil {
			return err
		}
	}
	<-ctx.Done()
	return ctx.Err()
}

// Callback answers with what it was given, and reports it.
func (echo) Callback(_ context.Context, c channel.Callback) (channel.Reply, []channel.Report) {
	if c.Path == "/panic" {
		panic("what now")
	}
	text, _ := json.Marshal(c)
	return channel.Reply{Status: 202, ContentType: "application/json", Body: text}, []channel.Report{{
		Event: "replied", From: "+84901234567", Date: time.UnixMilli(5).UTC(), Data: map[string]string{"text": "\xffSTOP", "z": strings.Repeat("z", channel.MaxDataBytes)},
	}}
}

func start(t *testing.T, kind string) *channel.Process {
	t.Helper()
	dir, err := os.MkdirTemp("", "channel-")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	p, err := channel.Start(ctx, channel.Launch{Command: channeltest.Self(t, "plugin", kind), SocketDir: dir})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		p.Kill()
		if left, _ := filepath.Glob(filepath.Join(dir, "*")); len(left) > 0 {
			t.Errorf("left in the socket folder: %v", left)
		}
		_ = os.RemoveAll(dir)
	})
	return p
}

func TestEverythingCrossesTheWire(t *testing.T) {
	p := start(t, "echo")
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	description, err := p.Describe(ctx)
	want := channel.Description{
		Name: "echo", Version: "2.1", Channels: []string{"email", "sms"}, Idempotent: true, MaxBatch: 5, Receipts: true, Callbacks: true,
		Schema: json.RawMessage(`{"type":"object"}`), Protocols: []int{1},
	}
	if diff := cmp.Diff(want, description); diff != "" || err != nil {
		t.Error(err, diff)
	}
	if err := p.Configure(ctx, json.RawMessage(`{}`)); err != nil {
		t.Fatal(err)
	}
	if err := p.Configure(ctx, json.RawMessage(`{}`)); err == nil || errors.Is(err, channel.ErrRefused) {
		t.Errorf("configured twice: %v", err)
	}
	m := channel.Message{
		ID: "0a", To: "x", Subject: "s", Text: "t", HTML: "h", Headers: map[string]string{"A": "b"}, Date: time.UnixMilli(1234).UTC(), Attempt: 3, Kind: "marketing",
		Data: map[string]string{"title": "T"},
	}
	broken := channel.Message{ID: "0b", To: "\xff", Subject: "bad", Headers: map[string]string{"\xfe": "\xfd"}}
	receipts, err := p.Send(ctx, []channel.Message{m, broken})
	if err != nil || len(receipts) != 2 {
		t.Fatal(receipts, err)
	}
	var got channel.Message
	if err := json.Unmarshal([]byte(receipts[0].Reason), &got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(m, got); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(m.Data, receipts[0].Data); diff != "" {
		t.Error(diff)
	}
	if text := receipts[1].Reason; len(text) > channel.MaxReasonBytes+10 || !strings.HasSuffix(text, "ü…") || !strings.HasPrefix(text, "\uFFFDü") {
		t.Errorf("%d bytes: %.20q", len(text), text)
	}
	if health, err := p.Health(ctx); err != nil || health != (channel.Health{Detail: "a little tired"}) {
		t.Errorf("%+v %v", health, err)
	}
	var reports []string
	listening, stop := context.WithCancel(ctx)
	_ = p.Receipts(listening, func(r channel.Report) {
		reports = append(reports, r.ID+r.Event+r.From+r.Data["a"])
		if len(reports) == 3 {
			stop()
		}
	})
	if diff := cmp.Diff([]string{"0deliveredxb", "1deliveredxb", "2deliveredxb"}, reports); diff != "" {
		t.Error(diff)
	}
}

func TestACallbackCrossesTheWire(t *testing.T) {
	p := start(t, "echo")
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	in := channel.Callback{
		Method: "POST", URL: "https://example.com/callbacks/sms/in?a=1", Path: "/in", Headers: map[string]string{"x-twilio-signature": "s"}, Body: []byte("\xff\x00"),
	}
	if _, _, err := p.Callback(ctx, in); err == nil || !strings.Contains(err.Error(), "Configure") {
		t.Errorf("before Configure: %v", err)
	}
	if err := p.Configure(ctx, json.RawMessage(`{}`)); err != nil {
		t.Fatal(err)
	}
	reply, reports, err := p.Callback(ctx, in)
	if err != nil {
		t.Fatal(err)
	}
	var got channel.Callback
	if err := json.Unmarshal(reply.Body, &got); err != nil || reply.Status != 202 || reply.ContentType != "application/json" {
		t.Errorf("%+v %v", reply, err)
	}
	if diff := cmp.Diff(in, got); diff != "" {
		t.Error(diff)
	}
	want := []channel.Report{{Event: "replied", From: "+84901234567", Date: time.UnixMilli(5).UTC(), Data: map[string]string{"text": "\uFFFDSTOP"}}}
	if diff := cmp.Diff(want, reports); diff != "" {
		t.Error(diff)
	}
	for _, wrong := range []channel.Callback{{Path: "/panic"}, {Body: make([]byte, channel.MaxCallbackBytes+1)}} {
		if _, _, err := p.Callback(ctx, wrong); err == nil {
			t.Errorf("%s, %d bytes: no error", wrong.Path, len(wrong.Body))
		}
	}
	if _, _, err := p.Callback(ctx, in); err != nil {
		t.Errorf("after a panic: %v", err)
	}
}

func TestStartErrors(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	dir, err := os.MkdirTemp("", "channel-")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	defer func() {
		if left, _ := filepath.Glob(filepath.Join(dir, "*")); len(left) > 0 {
			t.Errorf("left in the socket folder: %v", left)
		}
	}()
	for _, test := range []struct {
		launch channel.Launch
		want   string
	}{
		{channel.Launch{}, "no command"},
		{channel.Launch{Command: []string{"x"}, SocketDir: strings.Repeat("x", 61)}, "socket folder"},
		{channel.Launch{Command: []string{"/does/not/exist"}, SocketDir: dir}, "no such file"},
		{channel.Launch{Command: []string{"true"}, SocketDir: dir}, "ended before"},
		{channel.Launch{Command: []string{"echo", "1|2|3"}, SocketDir: dir}, "standard output"},
		{channel.Launch{Command: []string{"echo", "1|9|unix|/x|grpc"}, SocketDir: dir}, "incompatible"},
		{channel.Launch{Command: []string{"echo", "1|1|tcp|127.0.0.1:1|grpc"}, SocketDir: dir}, "only a Unix socket"},
		{channel.Launch{Command: channeltest.Self(t, "plugin", "echo"), SocketDir: dir, Started: func(int) error { return errors.New("no pen") }}, "no pen"},
	} {
		if p, err := channel.Start(ctx, test.launch); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%v: %v, expected %q", test.launch.Command, err, test.want)
			if err == nil {
				p.Kill()
			}
		}
	}
}

// TestWholeGroupEnds starts a connector that has a child of its own.
func TestWholeGroupEnds(t *testing.T) {
	dir, err := os.MkdirTemp("", "channel-")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	file := filepath.Join(dir, "pid")
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	_, err = channel.Start(ctx, channel.Launch{
		Command: []string{"sh", "-c", `sleep 3600 & echo $! > "$0"; echo nonsense`, file}, SocketDir: dir,
	})
	if err == nil || !strings.Contains(err.Error(), "nonsense") {
		t.Errorf("%v", err)
	}
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	pid := strings.TrimSpace(string(data))
	for deadline := time.Now().Add(2 * time.Minute); ; time.Sleep(2 * time.Millisecond) {
		stat, err := os.ReadFile("/proc/" + pid + "/stat")
		if err != nil || strings.Contains(string(stat), ") Z ") {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("the connector's child lives on")
		}
	}
}
