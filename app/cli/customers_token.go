package cli

import (
	"fmt"
	"math"
	"time"

	"stagecraft/app/lifecycle"
)

// CustomersTokenCommand makes a token for a customer's inbox.
type CustomersTokenCommand struct {
	User   string        `arg:"" help:"The user ID. The customer need not be known yet."`
	For    time.Duration `name:"for" default:"1h" placeholder:"TIME" help:"How long it is good for, at most 720h. Default: ${default}."`
	Server string        `name:"server" env:"STAGECRAFT_SERVER" placeholder:"URL" help:"The running server. Default: the one that works in the data folder."`
	Data   string        `name:"data" env:"STAGECRAFT_DATA" default:"stagecraft-data" placeholder:"FOLDER" help:"The server's data folder, where its address and key are. Default: ${default}."`
	Key    string        `name:"key" env:"STAGECRAFT_WRITE_KEY" placeholder:"KEY" help:"Its write key. Default: from keys.json in the data folder."`
	AsJSON
}

// Run prints the token alone, for use in a script.
func (c *CustomersTokenCommand) Run(w *world) error {
	if c.For < time.Second {
		return lifecycle.Errorf(lifecycle.Invalid, "--for %s is too short; give at least 1s", c.For)
	}
	key, err := writeKey(c.Key, c.Data)
	if err != nil {
		return err
	}
	client, err := clientOf(c.Server, c.Data, key)
	if err != nil {
		return err
	}
	client.Absent = time.Second
	var made struct{ Token string }
	body := map[string]any{"userId": c.User, "seconds": int(math.Round(c.For.Seconds()))}
	if done, err := c.post(w, client, "/v1/inapp/token", body, &made); done || err != nil {
		return err
	}
	_, err = fmt.Fprintln(w.stdout, made.Token)
	return err
}
