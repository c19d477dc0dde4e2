package cli

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"text/tabwriter"
	"time"

	"stagecraft/app/lifecycle"
)

// KeysCommand is about the keys with which programs use the API of a running server.
type KeysCommand struct {
	List   KeysListCommand   `cmd:"" default:"withargs" help:"List the keys: what they may do, and when they were used last (the default)."`
	New    KeysNewCommand    `cmd:"" help:"Make a key for a program, and show it this once."`
	Revoke KeysRevokeCommand `cmd:"" help:"End a key at once, by its ID or name."`
}

// KeysListCommand lists.
type KeysListCommand struct {
	JSON bool `name:"json" help:"Print JSON."`
	Remote
}

// Run lists.
func (c *KeysListCommand) Run(w *world) error {
	client, err := c.client()
	if err != nil {
		return err
	}
	var raw json.RawMessage
	if _, err = client.Get(w.ctx, "/v1/keys", &raw); err != nil {
		return err
	}
	if c.JSON {
		_, err = fmt.Fprintf(w.stdout, "%s\n", raw)
		return err
	}
	var answer struct{ Keys []lifecycle.APIKey }
	if err = json.Unmarshal(raw, &answer); err != nil {
		return err
	}
	if len(answer.Keys) == 0 {
		_, err = fmt.Fprintln(w.stdout, "no key was made yet; the write key and the admin key are in keys.json in the data folder")
		return err
	}
	table := tabwriter.NewWriter(w.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "ID\tNAME\tKEY\tMAY\tMADE\tUSED\tEXPIRES")
	for _, key := range answer.Keys {
		fmt.Fprintf(table, "%s\t%s\t%s…\t%s\t%s\t%s\t%s\n", key.ID, key.Name, key.Hint, joinScopes(key.Scopes), day(key.Created), day(key.Used), day(key.Expires))
	}
	return table.Flush()
}

func joinScopes(scopes []lifecycle.Scope) string {
	names := make([]string, len(scopes))
	for i, scope := range scopes {
		names[i] = string(scope)
	}
	return strings.Join(names, ",")
}

// day is a moment to the minute; "never" for none.
func day(at time.Time) string {
	if at.IsZero() {
		return "never"
	}
	return at.Local().Format("2006-01-02 15:04")
}

// KeysNewCommand makes one.
type KeysNewCommand struct {
	Name    string   `arg:"" help:"What the key is for, such as the name of the program."`
	May     []string `name:"may" required:"" placeholder:"SCOPE,..." help:"What it may do: ingest (bring in events, customers, consent), read, send (messages, moves, inbox tokens), admin (everything)."`
	Rate    int      `name:"rate" placeholder:"N" help:"Requests a second. Default: the server's --rate-limit."`
	Expires string   `name:"expires" placeholder:"DURATION" help:"After how long it ends by itself, as in '90 days'. Default: never."`
	JSON    bool     `name:"json" help:"Print JSON."`
	Remote
}

// Run makes it.
func (c *KeysNewCommand) Run(w *world) error {
	client, err := c.client()
	if err != nil {
		return err
	}
	request := map[string]any{"name": c.Name, "scopes": c.May, "rate": c.Rate}
	if c.Expires != "" {
		after, err := lifecycle.ParseDuration(c.Expires)
		if err != nil || after <= 0 {
			return lifecycle.Errorf(lifecycle.Invalid, "--expires %q is not a time like '90 days'", c.Expires)
		}
		request["expires"] = client.Clock.Now().Add(after).UTC()
	}
	client.Patience = 0 // a repeat would find the name taken, and the key would be lost
	var raw json.RawMessage
	if _, err = client.Post(w.ctx, "/v1/keys", request, &raw); err != nil {
		return err
	}
	if c.JSON {
		_, err = fmt.Fprintf(w.stdout, "%s\n", raw)
		return err
	}
	var made struct{ Secret string }
	if err = json.Unmarshal(raw, &made); err != nil {
		return err
	}
	fmt.Fprintln(w.stderr, "This is shown once; only a hash of it is kept.")
	_, err = fmt.Fprintln(w.stdout, made.Secret)
	return err
}

// KeysRevokeCommand ends one.
type KeysRevokeCommand struct {
	Key string `arg:"" help:"The key's ID or name, as the list gives it."`
	AsJSON
	Remote
}

// Run ends it.
func (c *KeysRevokeCommand) Run(w *world) error {
	client, err := c.client()
	if err != nil {
		return err
	}
	if done, err := c.call(w, client, http.MethodDelete, "/v1/keys/"+url.PathEscape(c.Key), nil, nil); done || err != nil {
		return err
	}
	_, err = fmt.Fprintf(w.stdout, "key %s does nothing any more\n", c.Key)
	return err
}
