package channel

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"stagecraft/plugins/channel/channelpb"
)

// server translates calls on the wire into calls of a Connector and holds both sides to the protocol.
type server struct {
	channelpb.UnimplementedConnectorServer
	connector Connector
	maxBatch  int

	configuring sync.Mutex
	mu          sync.RWMutex
	configured  bool
	sending     sync.WaitGroup
}

func newServer(connector Connector) *server {
	maxBatch := connector.Describe().MaxBatch
	if maxBatch <= 0 {
		maxBatch = DefaultMaxBatch
	}
	return &server{connector: connector, maxBatch: maxBatch}
}

func (s *server) Describe(context.Context, *channelpb.DescribeRequest) (*channelpb.DescribeResponse, error) {
	d := s.connector.Describe()
	_, reports := s.connector.(Reporter)
	_, listens := s.connector.(Listener)
	_, withdraws := s.connector.(Withdrawer)
	return &channelpb.DescribeResponse{
		Name:             d.Name,
		Version:          d.Version,
		ProtocolVersions: []uint32{ProtocolVersion},
		Channels:         d.Channels,
		Capabilities: &channelpb.Capabilities{
			Idempotent: d.Idempotent, MaxBatch: uint32(s.maxBatch), Receipts: d.Receipts || reports,
			Callbacks: d.Callbacks || listens, Withdraw: d.Withdraws || withdraws,
		},
		SettingsSchema: string(d.Schema),
	}, nil
}

func (s *server) Configure(ctx context.Context, in *channelpb.ConfigureRequest) (*channelpb.ConfigureResponse, error) {
	s.configuring.Lock()
	defer s.configuring.Unlock()
	if s.isConfigured() {
		return nil, status.Error(codes.FailedPrecondition, "the connector has its settings already; start it again to change them")
	}
	var object map[string]json.RawMessage
	if err := json.Unmarshal(in.GetSettings(), &object); err != nil || object == nil {
		return nil, status.Error(codes.InvalidArgument, "the settings must be a JSON object")
	}
	if err := s.connector.Configure(ctx, in.GetSettings()); err != nil {
		return nil, status.Error(codes.InvalidArgument, clean(err.Error()))
	}
	s.mu.Lock()
	s.configured = true
	s.mu.Unlock()
	if withdrawer, is := s.connector.(Withdrawer); is && !in.GetReleases() {
		go s.releaseAll(withdrawer) // until the process ends
	}
	return &channelpb.ConfigureResponse{}, nil
}

func (s *server) isConfigured() bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.configured
}

func (s *server) Send(ctx context.Context, in *channelpb.SendRequest) (out *channelpb.SendResponse, err error) {
	if !s.isConfigured() {
		return nil, status.Error(codes.FailedPrecondition, "the connector has no settings yet; Configure comes before Send")
	}
	if n := len(in.GetMessages()); n > s.maxBatch {
		return nil, status.Errorf(codes.InvalidArgument, "the batch has %d messages; this connector takes at most %d", n, s.maxBatch)
	}
	if len(in.GetMessages()) == 0 {
		return &channelpb.SendResponse{}, nil
	}
	s.sending.Add(1)
	defer s.sending.Done()
	ctx, cancel := early(ctx)
	defer cancel()
	defer func() {
		if p := recover(); p != nil {
			// One bad message must not put other batches in doubt too.
			fmt.Fprintf(os.Stderr, "panic while sending: %v\n%s", p, debug.Stack())
			out, err = nil, status.Errorf(codes.Internal, "the connector failed while sending: %v", p)
		}
	}()
	receipts := s.connector.Send(ctx, fromWire(in.GetMessages()))
	out = &channelpb.SendResponse{Receipts: make([]*channelpb.Receipt, len(receipts))}
	block := make([]channelpb.Receipt, len(receipts))
	for i := range receipts {
		r := &block[i]
		r.Id = clean(receipts[i].ID)
		r.Outcome = channelpb.Outcome(receipts[i].Outcome)
		r.Reason = clean(receipts[i].Reason)
		r.RetryAfterMs = receipts[i].RetryAfter.Milliseconds()
		r.Data = cleanMap(receipts[i].Data)
		r.References = receipts[i].References
		out.Receipts[i] = r
	}
	return out, nil
}

// early ends a tenth, at most half a second, before the host stops listening, so that the receipts still reach it.
func early(ctx context.Context) (context.Context, context.CancelFunc) {
	deadline, ok := ctx.Deadline()
	if !ok {
		return context.WithCancel(ctx)
	}
	return context.WithDeadline(ctx, deadline.Add(-min(time.Until(deadline)/10, 500*time.Millisecond)))
}

func fromWire(wire []*channelpb.Message) []Message {
	messages := make([]Message, len(wire))
	for i, m := range wire {
		messages[i] = Message{
			ID: m.GetId(), To: m.GetTo(), Subject: m.GetSubject(), Text: m.GetText(), HTML: m.GetHtml(),
			Headers: m.GetHeaders(), Date: time.UnixMilli(m.GetDateUnixMs()).UTC(),
			Attempt: int(m.GetAttempt()), Kind: m.GetKind(), Data: m.GetData(),
		}
	}
	return messages
}

func (s *server) Receipts(_ *channelpb.ReceiptsRequest, stream grpc.ServerStreamingServer[channelpb.ReceiptsResponse]) error {
	reporter, ok := s.connector.(Reporter)
	if !ok {
		return nil
	}
	err := reporter.Report(stream.Context(), func(r Report) error {
		return stream.Send(toReport(r))
	})
	if err != nil && !errors.Is(err, context.Canceled) {
		return status.Error(codes.Unavailable, clean(err.Error()))
	}
	return nil
}

func toReport(r Report) *channelpb.ReceiptsResponse {
	out := &channelpb.ReceiptsResponse{
		Id: clean(r.ID), Event: clean(r.Event), Reason: clean(r.Reason), From: clean(r.From), Data: cleanMap(r.Data),
		Reference: clean(r.Reference),
	}
	if !r.Date.IsZero() {
		out.DateUnixMs = r.Date.UnixMilli()
	}
	return out
}

func (s *server) Callback(ctx context.Context, in *channelpb.CallbackRequest) (out *channelpb.CallbackResponse, err error) {
	listener, ok := s.connector.(Listener)
	switch {
	case !ok:
		return nil, status.Error(codes.Unimplemented, "this connector takes no callbacks")
	case !s.isConfigured():
		return nil, status.Error(codes.FailedPrecondition, "Configure comes before Callback")
	case len(in.GetBody()) > MaxCallbackBytes:
		return nil, status.Errorf(codes.InvalidArgument, "the body has %d bytes; a callback has at most %d", len(in.GetBody()), MaxCallbackBytes)
	}
	s.sending.Add(1)
	defer s.sending.Done()
	ctx, cancel := early(ctx)
	defer cancel()
	defer func() {
		if p := recover(); p != nil {
			fmt.Fprintf(os.Stderr, "panic in a callback: %v\n%s", p, debug.Stack())
			out, err = nil, status.Errorf(codes.Internal, "the connector failed in a callback: %v", p)
		}
	}()
	headers := in.GetHeaders()
	if headers == nil {
		headers = map[string]string{}
	}
	reply, reports := listener.Callback(ctx, Callback{
		Method: in.GetMethod(), URL: in.GetUrl(), Path: in.GetPath(), Headers: headers, Body: in.GetBody(),
	})
	out = &channelpb.CallbackResponse{
		Status: uint32(max(0, reply.Status)), ContentType: clean(reply.ContentType), Body: reply.Body[:min(len(reply.Body), MaxReplyBytes)],
	}
	for _, r := range reports {
		out.Reports = append(out.Reports, toReport(r))
	}
	return out, nil
}

func (s *server) Health(ctx context.Context, _ *channelpb.HealthRequest) (*channelpb.HealthResponse, error) {
	if !s.isConfigured() {
		return &channelpb.HealthResponse{Detail: "not configured yet"}, nil
	}
	ctx, cancel := early(ctx)
	defer cancel()
	if err := s.connector.Health(ctx); err != nil {
		return &channelpb.HealthResponse{Detail: clean(err.Error())}, nil
	}
	return &channelpb.HealthResponse{Ok: true}, nil
}

// clean makes a text fit for the wire: what other servers say is not always UTF-8, and one bad byte would cost the
// receipts of a whole batch.
func clean(text string) string {
	if len(text) > MaxReasonBytes {
		cut := MaxReasonBytes
		for cut > 0 && !utf8.RuneStart(text[cut]) {
			cut--
		}
		text = text[:cut] + "…"
	}
	return valid(text)
}

// cleanMap makes a Data fit for the wire, in the order of its names: what is over MaxDataBytes is left out.
func cleanMap(values map[string]string) map[string]string {
	if len(values) == 0 {
		return nil
	}
	out := make(map[string]string, len(values))
	size := 0
	for _, name := range slices.Sorted(maps.Keys(values)) {
		if size += len(name) + len(values[name]); size > MaxDataBytes {
			break
		}
		out[valid(name)] = valid(values[name])
	}
	return out
}

func valid(text string) string {
	if utf8.ValidString(text) {
		return text
	}
	return strings.ToValidUTF8(text, "\uFFFD")
}
