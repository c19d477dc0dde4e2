// Package letter is the connector for direct mail: it gathers letters and, once a day, writes what a print shop needs: a
// PDF that is ready to print, the addresses as CSV and a manifest.
//
// What to read first: a message becomes pages (text.go, wrap.go, layout.go, with the millimetres in form.go). It is
// accepted when it stands in the day's journal on disk (journal.go). When the day is over its journal becomes a batch
// (batch.go), once the host has released what it will (held.go, behind.go); until then a letter can be withdrawn (withdraw.go). What remains of the
// journal are the IDs, so that no letter is ever in two batches. Who is erased goes out of batches too (forget.go, cut.go).
package letter

import (
	"context"
	"encoding/json"
	"errors"
	"sync"
	"time"

	"stagecraft/plugins/channel"
)

// tick is how often is looked whether a day is over.
const tick = 20 * time.Second

// Connector gathers letters and writes batches. It is safe for concurrent use.
type Connector struct {
	now func() time.Time

	mu     sync.Mutex
	office *office
}

// New returns a connector that needs Configure.
func New() *Connector { return &Connector{now: time.Now} }

// NewAt is New by another clock, for programs that try it in a time of their own.
func NewAt(now func() time.Time) *Connector { return &Connector{now: now} }

// Describe says what the connector is.
func (c *Connector) Describe() channel.Description {
	return channel.Description{
		Name: "letter", Version: "1", Channels: []string{"letter"}, Idempotent: true, MaxBatch: 100, Schema: json.RawMessage(schema),
	}
}

// Configure checks the settings and makes the folder. Nothing in it is touched before the first Send or the end of a day:
// another process may still be at work there.
func (c *Connector) Configure(_ context.Context, raw json.RawMessage) error {
	settings, err := parseSettings(raw)
	if err != nil {
		return err
	}
	office, err := newOffice(settings, c.now)
	if err != nil {
		return err
	}
	c.mu.Lock()
	before := c.office
	c.office = office
	c.mu.Unlock()
	if before != nil {
		before.close()
	}
	office.run()
	return nil
}

func (c *Connector) current() *office {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.office
}

// Send sets the letters, to see that they can be printed, and writes them to the day's journal, which is on disk when it
// returns.
func (c *Connector) Send(ctx context.Context, messages []channel.Message) []channel.Receipt {
	office := c.current()
	if office == nil {
		return channel.All(messages, channel.Temporary, "the connector has no settings yet", 0)
	}
	return office.take(ctx, messages)
}

// Health returns why nothing can be accepted, or why a batch could not be written.
func (c *Connector) Health(context.Context) error {
	if office := c.current(); office != nil {
		return office.health()
	}
	return nil
}

// Close ends the work; a batch that is being written is written anew after the next start.
func (c *Connector) Close() error {
	if office := c.current(); office != nil {
		office.close()
	}
	return nil
}

// errBusy is a folder's that another process works in.
var errBusy = errors.New("another process works in the folder; two servers need two folders")
