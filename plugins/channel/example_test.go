package channel_test

import (
	"context"
	"encoding/json"
	"errors"

	"stagecraft/plugins/channel"
)

// Pigeon is a whole connector. Its program is main calling channel.Serve(&Pigeon{}), built as stagecraft-channel-pigeon.
type Pigeon struct{ Loft string }

func (p *Pigeon) Describe() channel.Description {
	return channel.Description{
		Name: "pigeon", Version: "1.0.0", Channels: []string{"letter"},
		Schema: json.RawMessage(`{"type": "object", "required": ["loft"], "properties": {"loft": {"type": "string"}}}`),
	}
}

func (p *Pigeon) Configure(_ context.Context, settings json.RawMessage) error {
	if err := json.Unmarshal(settings, p); err != nil || p.Loft == "" {
		return errors.New("loft is missing; name the loft from which the pigeons start")
	}
	return nil
}

func (p *Pigeon) Send(_ context.Context, messages []channel.Message) []channel.Receipt {
	receipts := make([]channel.Receipt, len(messages))
	for i, m := range messages {
		receipts[i] = channel.Receipt{ID: m.ID, Outcome: channel.Accepted}
		if m.To == "" {
			receipts[i] = channel.Receipt{ID: m.ID, Outcome: channel.Permanent, Reason: "nobody to fly to"}
		}
	}
	return receipts
}

func (p *Pigeon) Health(context.Context) error { return nil }

func (p *Pigeon) Close() error { return nil }

func Example() {
	// In main of the connector's program:
	run := func() { channel.Serve(&Pigeon{}) }
	_ = run
}
