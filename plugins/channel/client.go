package channel

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"stagecraft/plugins/channel/channelpb"
)

// ErrNotSent is in the chain of an error of Client.Send by which the connector promises that nothing of the batch has
// left. After any other error every message of the batch is in doubt.
var ErrNotSent = errors.New("nothing of the batch was sent")

// ErrRefused is in the chain of an error of Client.Configure when the connector refused the settings; its text says why.
var ErrRefused = errors.New("settings refused")

// Client is the host's view of a running connector. It is safe for concurrent use. Every ctx needs a deadline: a
// connector that was stopped answers never.
type Client struct{ rpc channelpb.ConnectorClient }

// Describe asks the connector what it is.
func (c *Client) Describe(ctx context.Context) (Description, error) {
	out, err := c.rpc.Describe(ctx, &channelpb.DescribeRequest{})
	if err != nil {
		return Description{}, err
	}
	d := Description{
		Name: out.GetName(), Version: out.GetVersion(), Channels: out.GetChannels(),
		Idempotent: out.GetCapabilities().GetIdempotent(), Receipts: out.GetCapabilities().GetReceipts(),
		Callbacks: out.GetCapabilities().GetCallbacks(), Withdraws: out.GetCapabilities().GetWithdraw(),
		MaxBatch: int(out.GetCapabilities().GetMaxBatch()), Schema: json.RawMessage(out.GetSettingsSchema()),
	}
	if d.MaxBatch == 0 {
		d.MaxBatch = DefaultMaxBatch
	}
	for _, version := range out.GetProtocolVersions() {
		d.Protocols = append(d.Protocols, int(version))
	}
	return d, nil
}

// Configure hands over the settings. From then on a connector that can withdraw waits for Release.
func (c *Client) Configure(ctx context.Context, settings json.RawMessage) error {
	_, err := c.rpc.Configure(ctx, &channelpb.ConfigureRequest{Settings: settings, Releases: true})
	if status.Code(err) == codes.InvalidArgument {
		return refusal{status.Convert(err).Message(), ErrRefused}
	}
	return err
}

// refusal is a connector's answer in its own words.
type refusal struct {
	text string
	kind error
}

func (r refusal) Error() string { return r.text }
func (r refusal) Unwrap() error { return r.kind }

// Send hands a batch over. The receipts are what the connector says, unchecked: compare their number and IDs.
func (c *Client) Send(ctx context.Context, messages []Message) ([]Receipt, error) {
	in := &channelpb.SendRequest{Messages: make([]*channelpb.Message, len(messages))}
	block := make([]channelpb.Message, len(messages))
	for i := range messages {
		toWire(&messages[i], &block[i])
		in.Messages[i] = &block[i]
	}
	out, err := c.rpc.Send(ctx, in)
	switch status.Code(err) {
	case codes.OK:
	case codes.InvalidArgument, codes.FailedPrecondition, codes.Unimplemented:
		return nil, refusal{status.Convert(err).Message(), ErrNotSent}
	default:
		return nil, err
	}
	receipts := make([]Receipt, len(out.GetReceipts()))
	for i, r := range out.GetReceipts() {
		receipts[i] = Receipt{
			ID: r.GetId(), Outcome: Outcome(r.GetOutcome()), Reason: r.GetReason(),
			RetryAfter: time.Duration(max(0, min(r.GetRetryAfterMs(), int64(30*24*time.Hour/time.Millisecond)))) * time.Millisecond,
			Data:       r.GetData(), References: r.GetReferences(),
		}
	}
	return receipts, nil
}

func toWire(m *Message, wire *channelpb.Message) {
	wire.Id, wire.To, wire.Subject = valid(m.ID), valid(m.To), valid(m.Subject)
	wire.Text, wire.Html, wire.Kind = valid(m.Text), valid(m.HTML), valid(m.Kind)
	wire.DateUnixMs, wire.Attempt = m.Date.UnixMilli(), uint32(m.Attempt)
	wire.Headers, wire.Data = validMap(m.Headers), validMap(m.Data)
}

func validMap(values map[string]string) map[string]string {
	if len(values) == 0 {
		return nil
	}
	out := make(map[string]string, len(values))
	for name, value := range values {
		out[valid(name)] = valid(value)
	}
	return out
}

// Receipts calls each for what becomes known later, until the stream ends (nil) or breaks.
func (c *Client) Receipts(ctx context.Context, each func(Report)) error {
	stream, err := c.rpc.Receipts(ctx, &channelpb.ReceiptsRequest{})
	if err != nil {
		return err
	}
	for {
		r, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		each(fromReport(r))
	}
}

func fromReport(r *channelpb.ReceiptsResponse) Report {
	out := Report{ID: r.GetId(), Event: r.GetEvent(), Reason: r.GetReason(), From: r.GetFrom(), Data: r.GetData(), Reference: r.GetReference()}
	if at := r.GetDateUnixMs(); at != 0 {
		out.Date = time.UnixMilli(at).UTC()
	}
	return out
}

// Callback passes a request of the provider's on. The reports are what the connector says, unchecked. A connector that
// does not listen answers with an error with code UNIMPLEMENTED.
func (c *Client) Callback(ctx context.Context, in Callback) (Reply, []Report, error) {
	out, err := c.rpc.Callback(ctx, &channelpb.CallbackRequest{
		Method: valid(in.Method), Url: valid(in.URL), Path: valid(in.Path), Headers: validMap(in.Headers), Body: in.Body,
	})
	if err != nil {
		return Reply{}, nil, err
	}
	reports := make([]Report, len(out.GetReports()))
	for i, r := range out.GetReports() {
		reports[i] = fromReport(r)
	}
	return Reply{Status: int(out.GetStatus()), ContentType: out.GetContentType(), Body: out.GetBody()}, reports, nil
}

// Health asks how the connector is. An error means that it did not answer.
func (c *Client) Health(ctx context.Context) (Health, error) {
	out, err := c.rpc.Health(ctx, &channelpb.HealthRequest{})
	if err != nil {
		return Health{}, err
	}
	return Health{OK: out.GetOk(), Detail: out.GetDetail()}, nil
}
