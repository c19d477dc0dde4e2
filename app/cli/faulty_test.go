//go:build unix

package cli_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"

	"stagecraft/plugins/channel"
)

// faulty is a connector that breaks in the way that a file in its folder names, and is a good one while there is none.
// Whatever leaves through it stands in its ledger first: one line for each time, with the message's text.
type faulty struct {
	folder string
	once   sync.Once // of what is begun in the background
}

// What the connector can do wrong. A changed executable is the affair of whoever changes it; the connector only has to end
// for that to matter.
const (
	faultCrash    = "crash"
	faultStop     = "stop"
	faultSlow     = "slow"
	faultGarbage  = "garbage"
	faultFlood    = "flood"
	faultLies     = "lies"
	faultProtocol = "protocol"
	faultChanged  = "changed"
)

var faultyChannels = []string{"sms", "push", "social", "letter"}

// beFaulty is the process of the connector.
func beFaulty(folder string) {
	f := &faulty{folder: folder}
	switch f.fault() {
	case faultGarbage:
		fmt.Println("<html><body>502 Bad Gateway</body></html>")
		pour(os.Stdout, 1<<20)
	case faultProtocol:
		plugin.Serve(&plugin.ServeConfig{
			HandshakeConfig:  channel.Handshake(),
			VersionedPlugins: map[int]plugin.PluginSet{channel.ProtocolVersion + 1: {channel.PluginName: nobody{}}},
			GRPCServer:       plugin.DefaultGRPCServer,
			Logger:           hclog.NewNullLogger(),
		})
		return
	}
	channel.Serve(f)
}

// nobody registers no service at all.
type nobody struct{ plugin.NetRPCUnsupportedPlugin }

func (nobody) GRPCServer(*plugin.GRPCBroker, *grpc.Server) error { return nil }
func (nobody) GRPCClient(context.Context, *plugin.GRPCBroker, *grpc.ClientConn) (any, error) {
	return nil, errors.New("not a host")
}

// garbage returns n bytes, some of which are the ends of lines.
func garbage(n int) []byte {
	text := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{7}).Read(text)
	return text
}

// pour writes n bytes of garbage.
func pour(to io.Writer, n int) {
	for text := garbage(64 << 10); n > 0; n -= len(text) {
		if _, err := to.Write(text); err != nil {
			return
		}
	}
}

func (f *faulty) fault() string {
	text, _ := os.ReadFile(filepath.Join(f.folder, "fault"))
	return string(text)
}

func (f *faulty) Describe() channel.Description {
	return channel.Description{Name: "faulty-" + filepath.Base(f.folder), Version: "1", Channels: append([]string{"fax"}, faultyChannels...), Schema: json.RawMessage(`{"type":"object"}`)}
}
func (f *faulty) Configure(context.Context, json.RawMessage) error { return nil }
func (f *faulty) Health(context.Context) error                     { return nil }
func (f *faulty) Close() error                                     { return nil }

// leave lets messages leave.
func (f *faulty) leave(messages []channel.Message) {
	var lines strings.Builder
	for _, m := range messages {
		lines.WriteString(strings.TrimSpace(m.Text) + "\n")
	}
	file, err := os.OpenFile(filepath.Join(f.folder, "ledger"), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err == nil {
		_, err = file.WriteString(lines.String())
		err = errors.Join(err, file.Close())
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func (f *faulty) Send(_ context.Context, messages []channel.Message) []channel.Receipt {
	receipts := channel.All(messages, channel.Accepted, "", 0)
	half := len(messages) / 2
	switch f.fault() {
	case "":
		f.leave(messages)
	case faultCrash:
		f.leave(messages[:half])
		_ = exec.Command("tail", "-f", filepath.Join(f.folder, "ledger")).Start() // it has a child, and does not look after it
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
	case faultStop:
		f.leave(messages[:half])
		_ = syscall.Kill(os.Getpid(), syscall.SIGSTOP)
		f.leave(messages[half:])
	case faultSlow:
		f.leave(messages[:half])
		time.Sleep(60 * time.Second)
		f.leave(messages[half:])
	case faultGarbage:
		f.leave(messages)
		f.once.Do(func() {
			go pour(os.Stdout, 1<<30)
			go pour(os.NewFile(1, "stdout"), 1<<30)
			time.AfterFunc(300*time.Millisecond, func() { os.Exit(0) })
		})
	case faultFlood:
		f.leave(messages)
		f.once.Do(func() { go pour(os.NewFile(2, "stderr"), 1<<30) })
	case faultLies:
		f.leave(messages)
		receipts = lies(messages, receipts)
	case faultProtocol, faultChanged:
		os.Exit(0)
	}
	return receipts
}

// lies are receipts none of which can be trusted.
func lies(messages []channel.Message, receipts []channel.Receipt) (lies []channel.Receipt) {
	for i, r := range receipts {
		hash := fnv.New32()
		_, _ = hash.Write([]byte(messages[i].ID))
		switch hash.Sum32() % 5 {
		case 0: // it gives none
		case 1:
			lies = append(lies, r, r)
		case 2:
			r.Outcome = 42
			lies = append(lies, r)
		case 3:
			r.Outcome = 0
			lies = append(lies, r)
		case 4:
			r.ID = strings.Repeat("0", len(r.ID))
			lies = append(lies, r)
		}
	}
	return lies
}

// Report tells more lies: of messages that are none and of people whom it has never written to.
func (f *faulty) Report(ctx context.Context, emit func(channel.Report) error) error {
	for n := 0; ctx.Err() == nil; n++ {
		if f.fault() != faultLies {
			select {
			case <-time.After(50 * time.Millisecond):
			case <-ctx.Done():
			}
			continue
		}
		for i, r := range []channel.Report{
			{ID: "not an ID", Event: "opened"},
			{ID: fmt.Sprintf("%064x", n), Event: "bounced", Reason: string(garbage(100))},
			{From: fmt.Sprintf("+99%09d", n), Event: "complained"},
			{From: fmt.Sprintf("+99%09d", n), Event: "no such event"},
			{Event: "delivered"},
		} {
			if err := emit(r); err != nil {
				return fmt.Errorf("lie %d: %w", i, err)
			}
		}
	}
	return nil
}
