//go:build unix

package channels_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/go-plugin"
	"go.uber.org/goleak"
	"google.golang.org/grpc"

	"stagecraft/app/channels"
	"stagecraft/plugins/channel"
	"stagecraft/plugins/channel/channelpb"
	"stagecraft/plugins/log"
)

// TestMain lets the test binary be its own connectors and its own host.
func TestMain(m *testing.M) {
	if len(os.Args) > 2 && os.Args[1] == "plugin" {
		serve(os.Args[2])
		return
	}
	if len(os.Args) > 2 && os.Args[1] == "host" {
		beHost(os.Args[2], os.Args[3:])
		return
	}
	goleak.VerifyTestMain(m)
}

func serve(kind string) {
	switch kind {
	case "log":
		channel.Serve(log.New())
	case "puppet":
		channel.Serve(&puppet{})
	case "phone":
		channel.Serve(phone{})
	case "gossip":
		channel.Serve(&gossip{})
	case "blab":
		channel.Serve(&blab{})
	case "garbage":
		fmt.Println("Welcome to this connector!")
		channel.Serve(&puppet{})
	case "silent":
		time.Sleep(time.Hour)
	case "crash":
		fmt.Fprintln(os.Stderr, "no luck today")
		os.Exit(7)
	case "future":
		serveRaw(2, &liar{})
	case "liar":
		serveRaw(channel.ProtocolVersion, &liar{})
	}
}

// puppet does what the subject of a message says.
type puppet struct{ file string }

func (p *puppet) Describe() channel.Description {
	return channel.Description{Name: "puppet", Version: "1", Channels: []string{"email"}, Schema: json.RawMessage(`{"type":"object","properties":{"file":{},"refuse":{}}}`)}
}

func (p *puppet) Configure(_ context.Context, raw json.RawMessage) error {
	var settings struct{ File, Refuse string }
	if err := json.Unmarshal(raw, &settings); err != nil {
		return err
	}
	if settings.Refuse != "" {
		return errors.New(settings.Refuse)
	}
	p.file = settings.File
	return nil
}

func (p *puppet) Send(ctx context.Context, messages []channel.Message) []channel.Receipt {
	receipts := channel.All(messages, channel.Accepted, "", 0)
	for i, m := range messages {
		word, argument, _ := strings.Cut(m.Subject, " ")
		switch word {
		case "crash":
			os.Exit(9)
		case "hang":
			time.Sleep(time.Hour)
		case "patient":
			<-ctx.Done()
			receipts[i] = channel.Receipt{ID: m.ID, Outcome: channel.Temporary, Reason: "out of time"}
		case "mark":
			_ = os.WriteFile(argument, []byte("here"), 0o600)
		case "until": // there is a file; another says that it has begun to wait
			_ = os.WriteFile(argument+".begun", nil, 0o600)
			for ctx.Err() == nil && !exists(argument) {
				time.Sleep(time.Millisecond)
			}
		case "panic":
			panic("what now")
		case "slow":
			d, _ := time.ParseDuration(argument)
			time.Sleep(d)
		case "refuse":
			receipts[i] = channel.Receipt{ID: m.ID, Outcome: channel.Permanent, Reason: "\xff not liked"}
		case "later":
			receipts[i] = channel.Receipt{ID: m.ID, Outcome: channel.Temporary, Reason: "busy", RetryAfter: 90 * time.Second}
		case "environment":
			receipts[i].Reason = strings.Join(os.Environ(), "\n")
		case "flood":
			go func() {
				line := strings.Repeat("blah ", 50) + "\n"
				for {
					if argument == "out" {
						fmt.Print(line)
					} else {
						fmt.Fprint(os.Stderr, line)
					}
				}
			}()
		case "flood1":
			raw := os.NewFile(1, "stdout")
			go func() {
				for {
					fmt.Fprint(raw, strings.Repeat("bla ", 50)+"\n")
				}
			}()
		case "flood2":
			raw := os.NewFile(2, "stderr")
			go func() {
				for {
					fmt.Fprint(raw, strings.Repeat("bla ", 50)+"\n")
				}
			}()
		case "missing":
			receipts = receipts[:len(receipts)-1]
		}
	}
	return receipts
}

func (p *puppet) Health(context.Context) error { return nil }
func (p *puppet) Close() error {
	if p.file != "" {
		return os.WriteFile(p.file, []byte("closed"), 0o600)
	}
	return nil
}

// gossip reports and reports about people whom nobody knows.
type gossip struct{ puppet }

func (*gossip) Report(ctx context.Context, emit func(channel.Report) error) error {
	for ctx.Err() == nil {
		for _, event := range []string{"bounced", "sneezed"} {
			if err := emit(channel.Report{From: "ada@example.com", Event: event}); err != nil {
				return err
			}
		}
	}
	return nil
}

// phone is called back, and knows which addresses are gone.
type phone struct{}

func (phone) Describe() channel.Description {
	return channel.Description{Name: "phone", Version: "1", Channels: []string{"sms", "email"}, Schema: json.RawMessage(`{"type":"object"}`)}
}
func (phone) Configure(context.Context, json.RawMessage) error { return nil }
func (phone) Health(context.Context) error                     { return nil }
func (phone) Close() error                                     { return nil }
func (phone) Send(_ context.Context, messages []channel.Message) []channel.Receipt {
	receipts := channel.All(messages, channel.Accepted, "", 0)
	for i, m := range messages {
		if m.Subject == "unsubscribed" {
			receipts[i] = channel.Receipt{ID: m.ID, Outcome: channel.Permanent, Reason: "they said STOP", Data: map[string]string{"unsubscribed": "1", "code": "21610"}}
		}
		if m.Subject == "gone" {
			receipts[i] = channel.Receipt{ID: m.ID, Outcome: channel.Permanent, Reason: m.ID, Data: map[string]string{"gone": "1", "title": m.Data["title"]}}
		}
	}
	return receipts
}
func (phone) Callback(ctx context.Context, c channel.Callback) (channel.Reply, []channel.Report) {
	if file, ok := strings.CutPrefix(c.Path, "/until "); ok {
		for ctx.Err() == nil && !exists(file) {
			time.Sleep(time.Millisecond)
		}
		return channel.Reply{}, nil
	}
	if c.Path == "/nonsense" {
		return channel.Reply{Status: 7}, nil
	}
	return channel.Reply{Body: []byte(c.Path)}, []channel.Report{
		{From: "+84901234567", Event: "unsubscribed", Date: time.UnixMilli(0), Data: map[string]string{"text": string(c.Body)}},
		{ID: "0123", Event: "delivered"},
		{ID: ref(2).String(), Event: "delivered", Date: time.UnixMilli(9)},
		{Event: "opened"},
		{ID: ref(3).String(), Event: "delivered", Date: time.UnixMilli(-1e15)},
		{ID: ref(4).String(), Event: "delivered", Date: time.UnixMilli(1e15)},
	}
}

// liar speaks the protocol without the library's help, and wrongly.
type liar struct {
	channelpb.UnimplementedConnectorServer
}

func (l *liar) Describe(context.Context, *channelpb.DescribeRequest) (*channelpb.DescribeResponse, error) {
	return &channelpb.DescribeResponse{Name: "liar", ProtocolVersions: []uint32{1}, Channels: []string{"email"}}, nil
}

func (l *liar) Configure(context.Context, *channelpb.ConfigureRequest) (*channelpb.ConfigureResponse, error) {
	return &channelpb.ConfigureResponse{}, nil
}

func (l *liar) Health(context.Context, *channelpb.HealthRequest) (*channelpb.HealthResponse, error) {
	return &channelpb.HealthResponse{Ok: true}, nil
}

func (l *liar) Receipts(_ *channelpb.ReceiptsRequest, s grpc.ServerStreamingServer[channelpb.ReceiptsResponse]) error {
	_ = s.Send(&channelpb.ReceiptsResponse{Id: "not an ID", Event: "opened"})
	_ = s.Send(&channelpb.ReceiptsResponse{Id: ref(1).String(), Event: "bounced", Reason: "unknown user", DateUnixMs: 1000})
	return nil
}

func (l *liar) Send(_ context.Context, in *channelpb.SendRequest) (*channelpb.SendResponse, error) {
	accepted := channelpb.Outcome_OUTCOME_ACCEPTED
	out := &channelpb.SendResponse{}
	for _, m := range in.GetMessages() {
		switch m.GetSubject() {
		case "unknown":
			out.Receipts = append(out.Receipts, &channelpb.Receipt{Id: "0123", Outcome: accepted})
		case "missing":
		case "twice":
			out.Receipts = append(out.Receipts, &channelpb.Receipt{Id: m.GetId(), Outcome: accepted}, &channelpb.Receipt{Id: m.GetId(), Outcome: accepted})
		case "strange":
			out.Receipts = append(out.Receipts, &channelpb.Receipt{Id: m.GetId(), Outcome: 42})
		case "unspecified":
			out.Receipts = append(out.Receipts, &channelpb.Receipt{Id: m.GetId()})
		case "long":
			out.Receipts = append(out.Receipts, &channelpb.Receipt{Id: m.GetId(), Outcome: channelpb.Outcome_OUTCOME_PERMANENT, Reason: strings.Repeat("é", 1<<20)})
		default:
			out.Receipts = append(out.Receipts, &channelpb.Receipt{Id: m.GetId(), Outcome: accepted})
		}
	}
	return out, nil
}

type rawPlugin struct {
	plugin.NetRPCUnsupportedPlugin
	server channelpb.ConnectorServer
}

func (p *rawPlugin) GRPCServer(_ *plugin.GRPCBroker, s *grpc.Server) error {
	channelpb.RegisterConnectorServer(s, p.server)
	return nil
}

func (p *rawPlugin) GRPCClient(context.Context, *plugin.GRPCBroker, *grpc.ClientConn) (any, error) {
	return nil, errors.New("not a host")
}

func serveRaw(version int, server channelpb.ConnectorServer) {
	plugin.Serve(&plugin.ServeConfig{
		HandshakeConfig:  channel.Handshake(),
		VersionedPlugins: map[int]plugin.PluginSet{version: {channel.PluginName: &rawPlugin{server: server}}},
		GRPCServer:       plugin.DefaultGRPCServer,
		Logger:           hclog.NewNullLogger(),
	})
}

// beHost runs a host until it is killed; it prints the connectors' process IDs.
func beHost(dir string, kinds []string) {
	h := channels.New(channels.Options{Dir: dir})
	executable, _ := os.Executable()
	for i, kind := range kinds {
		c, err := h.Start(context.Background(), channels.Spec{
			Channel: "email", Name: kind, Command: []string{executable, "plugin", kind},
		})
		if err != nil || c.WaitReady(context.Background()) != nil {
			os.Exit(1)
		}
		fmt.Println(i, c.Status().PID)
	}
	time.Sleep(time.Hour)
}
