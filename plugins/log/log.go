// Package log is the connector that writes messages to files instead of sending them. It is used while no mail server
// is configured, so that everything else can be tried, and it shows exactly what would have left.
package log

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"

	"stagecraft/plugins/channel"
)

const schema = `{
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "title": "Log",
  "description": "Writes messages to files, one JSON object a line, instead of sending them.",
  "type": "object",
  "additionalProperties": false,
  "required": ["folder"],
  "properties": {
    "folder": {
      "type": "string", "minLength": 1, "title": "Folder",
      "description": "Where the files go, one a day: YYYY-MM-DD.ndjson. It is made if it is missing."
    }
  }
}`

// Connector writes each message as one line to a file of the day (UTC). A batch is one write, so a kill leaves at most
// one torn line, which the next start removes. A message is accepted when the system has it: it survives the end of
// the process, but not of the machine: the files are synced behind it, as they grow.
type Connector struct {
	now func() time.Time

	mu     sync.Mutex
	folder string
	seen   seen
	file   *os.File
	day    string
	size   int64 // of the file
	behind int   // bytes that were written since the last sync began
	syncs  bool  // one is under way
	broken error // the last write failed
	line   lineWriter
}

// New returns a connector that needs Configure.
func New() *Connector { return &Connector{now: time.Now} }

// Describe says what the connector is.
func (c *Connector) Describe() channel.Description {
	return channel.Description{
		Name: "log", Version: "1", Channels: []string{"email", "sms", "push"}, Idempotent: true,
		MaxBatch: 1000, Schema: json.RawMessage(schema),
	}
}

// Configure makes the folder, if needed, and remembers the IDs of the messages that were written last.
func (c *Connector) Configure(_ context.Context, raw json.RawMessage) error {
	var settings struct {
		Folder string `json:"folder"`
	}
	decoder := json.NewDecoder(strings.NewReader(string(raw)))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&settings); err != nil {
		return fmt.Errorf("the log connector has one setting, folder, a text: %w", err)
	}
	if settings.Folder == "" {
		return fmt.Errorf("folder is missing; name the folder that the messages are to be written to")
	}
	if err := os.MkdirAll(settings.Folder, 0o700); err != nil {
		return fmt.Errorf("folder cannot be made: %w", err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.folder = settings.Folder
	if err := c.recall(); err != nil {
		return fmt.Errorf("folder %s: %w", settings.Folder, err)
	}
	return nil
}

// Send appends the messages that were not seen before. Either the whole batch is written or nothing of it.
func (c *Connector) Send(_ context.Context, messages []channel.Message) []channel.Receipt {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.now().UTC()
	c.line.reset()
	fresh := make([]key, 0, len(messages))
	for i := range messages {
		id := keyOf(messages[i].ID)
		if !c.seen.add(id) {
			continue
		}
		fresh = append(fresh, id)
		c.line.message(now, &messages[i])
	}
	if len(fresh) > 0 {
		if c.broken = c.append(now); c.broken != nil {
			for _, id := range fresh {
				c.seen.remove(id)
			}
			return channel.All(messages, channel.Temporary, c.broken.Error(), 0)
		}
	}
	return channel.All(messages, channel.Accepted, "", 0)
}

// Health returns the error of the last write.
func (c *Connector) Health(context.Context) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.broken
}

// Close closes the file.
func (c *Connector) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.closeFile()
}
