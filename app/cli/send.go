package cli

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/google/uuid"

	"stagecraft/app/lifecycle"
)

// SendCommand asks a running server for one transactional message to one customer, now.
type SendCommand struct {
	User       string            `arg:"" help:"The customer's user ID. Who is not known yet is made."`
	Message    string            `arg:"" placeholder:"JOURNEY/MESSAGE" help:"The journey and its message, as in shop/receipt."`
	Properties map[string]string `name:"property" short:"p" mapsep:"none" placeholder:"NAME=VALUE" help:"What the template sees as event.properties.NAME; JSON, or a text."`
	Channel    string            `name:"channel" placeholder:"NAME" help:"By this channel. Default: of the message's channels the one that the customer prefers."`
	Email      string            `name:"email" placeholder:"ADDRESS" help:"The customer's mail address, kept as their trait."`
	Phone      string            `name:"phone" placeholder:"NUMBER" help:"Their telephone number in the international form, kept as their trait."`
	Expires    string            `name:"expires" placeholder:"DURATION" help:"How long it may wait to leave, as in \"10 minutes\"."`
	Idempotent string            `name:"idempotency-key" placeholder:"TEXT" help:"The same key within 30 days is the same message. Default: drawn, so that every run is another message."`
	Wait       time.Duration     `name:"wait" placeholder:"DURATION" help:"Wait so long for the next server to take it, and fail if it does not, as in 10s."`
	Server     string            `name:"server" env:"STAGECRAFT_SERVER" placeholder:"URL" help:"The running server. Default: the one that works in the data folder."`
	Data       string            `name:"data" env:"STAGECRAFT_DATA" default:"stagecraft-data" placeholder:"FOLDER" help:"The server's data folder, where its address is. Default: ${default}."`
	Key        string            `name:"key" env:"STAGECRAFT_WRITE_KEY" placeholder:"KEY" help:"Its write key. Default: from keys.json in the data folder."`
	AsJSON
}

// messageLife is what the server says of a message.
type messageLife struct {
	Ref     string `json:"ref"`
	Channel string `json:"channel"`
	State   string `json:"state"`
	Reason  string `json:"reason"`
}

// Run asks, and says what became of it.
func (c *SendCommand) Run(w *world) error {
	key, err := writeKey(c.Key, c.Data)
	if err != nil {
		return err
	}
	client, err := clientOf(c.Server, c.Data, key)
	if err != nil {
		return err
	}
	client.Absent = time.Second
	if client.Idempotency = c.Idempotent; client.Idempotency == "" {
		client.Idempotency = uuid.NewString() // the client may repeat the call
	}
	var m messageLife
	var raw json.RawMessage // the newest answer
	read := func() error {
		if err := json.Unmarshal(raw, &m); err != nil {
			return lifecycle.Wrap(lifecycle.Internal, err, "the server's answer cannot be read")
		}
		return nil
	}
	if _, err = client.Post(w.ctx, "/v1/send", c.request(), &raw); err == nil {
		err = read()
	}
	if err != nil {
		return err
	}
	ref := m.Ref
	for end := client.Clock.Now().Add(c.Wait); m.State == "queued" && client.Clock.Now().Before(end); {
		if err = client.Clock.Wait(w.ctx, client.Clock.Now().Add(100*time.Millisecond)); err != nil {
			return err
		}
		if _, err = client.Get(w.ctx, "/v1/messages/"+ref, &raw); err == nil {
			err = read()
		}
		if err != nil {
			return err
		}
	}
	said := m.State + " by " + m.Channel
	if m.Reason != "" {
		said += ": " + m.Reason
	}
	if c.JSON {
		err = c.print(w, raw)
	} else {
		_, err = fmt.Fprintf(w.stdout, "%s  %s\n", ref, said)
	}
	if err != nil {
		return err
	}
	if m.State != "accepted" && (m.State != "queued" || c.Wait > 0) {
		return &Exit{Code: 1}
	}
	return nil
}

func (c *SendCommand) request() map[string]any {
	request := map[string]any{"userId": c.User, "message": c.Message}
	for name, value := range map[string]string{"channel": c.Channel, "email": c.Email, "phone": c.Phone, "expires": c.Expires} {
		if value != "" {
			request[name] = value
		}
	}
	if len(c.Properties) > 0 {
		properties := make(map[string]any, len(c.Properties))
		for name, text := range c.Properties {
			if json.Valid([]byte(text)) {
				properties[name] = json.RawMessage(text)
			} else {
				properties[name] = text
			}
		}
		request["properties"] = properties
	}
	return request
}
