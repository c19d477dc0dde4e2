package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"golang.org/x/term"

	"stagecraft/app/lifecycle"
)

// SourcesCommand is about the sources of a running server.
type SourcesCommand struct {
	List    SourcesListCommand    `cmd:"" default:"withargs" help:"List the sources, their addresses and how they stand (the default)."`
	Secret  SourcesSecretCommand  `cmd:"" help:"Set a secret of a source, such as the key that a provider signs with."`
	Try     SourcesTryCommand     `cmd:"" help:"Show which events a source would make of a payload, and do nothing."`
	Fetch   SourcesFetchCommand   `cmd:"" help:"Fetch now what a source fetches by itself."`
	Rejects SourcesRejectsCommand `cmd:"" help:"List what a source did not take, and why; give it to the source once more, or forget it."`
}

// listedSource is one as the server lists it.
type listedSource struct {
	Name    string `json:"name"`
	Title   string `json:"title"`
	Address string `json:"address"`
	Problem *struct {
		File    string `json:"file"`
		Line    int    `json:"line"`
		Message string `json:"message"`
	} `json:"problem"`
	Secrets []struct {
		Name string `json:"name"`
		Set  bool   `json:"set"`
	} `json:"secrets"`
	Pull *struct {
		URL     string    `json:"url"`
		Every   string    `json:"every"`
		Next    time.Time `json:"next"`
		Problem string    `json:"problem"`
	} `json:"pull"`
	Events  uint64     `json:"events"`
	Repeats uint64     `json:"repeats"`
	Refused uint64     `json:"refused"`
	Rejects int        `json:"rejects"`
	Last    *time.Time `json:"last"`
}

// SourcesListCommand lists.
type SourcesListCommand struct {
	JSON bool `name:"json" help:"Print them as JSON."`
	Remote
}

// Run lists.
func (c *SourcesListCommand) Run(w *world) error {
	client, err := c.client()
	if err != nil {
		return err
	}
	if c.JSON {
		return printed(w, client, "/api/sources")
	}
	var answer struct {
		Sources []listedSource `json:"sources"`
	}
	if _, err = client.Get(w.ctx, "/api/sources", &answer); err != nil {
		return err
	}
	table := tabwriter.NewWriter(w.stdout, 0, 0, 2, ' ', 0)
	for _, s := range answer.Sources {
		last := "nothing yet"
		if s.Last != nil {
			last = s.Last.Local().Format(time.DateTime)
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\n", s.Name, s.Title, plural(int(s.Events), "event", "events"), last, s.state())
		if s.Address != "" {
			fmt.Fprintf(table, "\tposts to %s\n", s.Address)
		}
		if s.Pull != nil {
			fmt.Fprintf(table, "\tfetched every %s, next at %s, from %s\n", s.Pull.Every, s.Pull.Next.Local().Format(time.DateTime), s.Pull.URL)
		}
	}
	if len(answer.Sources) == 0 {
		fmt.Fprintln(table, "There are no sources: the scripts folder has no sources/NAME.lua.")
	}
	return table.Flush()
}

// state says what is wrong with a source, or "".
func (s *listedSource) state() string {
	var parts []string
	if s.Problem != nil {
		parts = append(parts, fmt.Sprintf("%s:%d: %s", s.Problem.File, s.Problem.Line, s.Problem.Message))
	}
	for _, secret := range s.Secrets {
		if !secret.Set {
			parts = append(parts, "secret "+secret.Name+" is not set")
		}
	}
	if s.Pull != nil && s.Pull.Problem != "" {
		parts = append(parts, s.Pull.Problem)
	}
	if s.Rejects > 0 {
		parts = append(parts, fmt.Sprintf("%d not taken", s.Rejects))
	}
	return strings.Join(parts, "; ")
}

// SourcesSecretCommand sets a secret.
type SourcesSecretCommand struct {
	Source string `arg:"" help:"The source."`
	Secret string `arg:"" help:"The secret's name, as the script says it."`
	Keep   bool   `name:"keep" help:"The value before counts too, until the secret is set again: for the time in which a provider changes over."`
	Remove bool   `name:"remove" help:"Forget the value."`
	AsJSON
	Remote
}

// Run sets it. The value comes from standard input: other users of the machine can read arguments with ps.
func (c *SourcesSecretCommand) Run(w *world) error {
	client, err := c.client()
	if err != nil {
		return err
	}
	path := sourcePath(c.Source) + "/secrets/" + url.PathEscape(c.Secret)
	if c.Remove {
		_, err = c.call(w, client, http.MethodDelete, path, nil, nil)
		return err
	}
	value, err := readSecret(w)
	if err != nil {
		return err
	}
	_, err = c.call(w, client, http.MethodPut, path, map[string]any{"value": value, "keep": c.Keep}, nil)
	return err
}

// readSecret asks for a secret without showing it, or reads it from a pipe.
func readSecret(w *world) (string, error) {
	if file, ok := w.stdin.(*os.File); ok && term.IsTerminal(int(file.Fd())) {
		fmt.Fprint(w.stderr, "Secret: ")
		typed, err := term.ReadPassword(int(file.Fd()))
		fmt.Fprintln(w.stderr)
		return strings.TrimSpace(string(typed)), err
	}
	data, err := io.ReadAll(io.LimitReader(w.stdin, 16<<10))
	if err != nil {
		return "", lifecycle.Wrap(lifecycle.Invalid, err, "the secret cannot be read from standard input")
	}
	if value := strings.TrimSpace(string(data)); value != "" {
		return value, nil
	}
	return "", lifecycle.Errorf(lifecycle.Invalid, "give the secret on standard input, as in: printf %%s \"$SECRET\" | stagecraft sources secret NAME SECRET")
}

// SourcesTryCommand shows what a source would make of a payload.
type SourcesTryCommand struct {
	Source string   `arg:"" help:"The source."`
	File   string   `arg:"" help:"A file with the payload; - for standard input."`
	Header []string `name:"header" sep:"none" placeholder:"NAME: VALUE" help:"A header of the request, such as 'X-Shopify-Topic: orders/paid'."`
	AsJSON
	Remote
}

// Run shows it.
func (c *SourcesTryCommand) Run(w *world) error {
	client, err := c.client()
	if err != nil {
		return err
	}
	in := w.stdin
	if c.File != "-" {
		file, err := os.Open(c.File)
		if err != nil {
			return lifecycle.Wrap(lifecycle.NotFound, err, "the file cannot be opened")
		}
		defer file.Close()
		in = file
	}
	body, err := io.ReadAll(io.LimitReader(in, 1<<20))
	if err != nil {
		return lifecycle.Wrap(lifecycle.Invalid, err, "the payload cannot be read")
	}
	headers := map[string]string{}
	for _, header := range c.Header {
		name, value, ok := strings.Cut(header, ":")
		if !ok {
			return lifecycle.Errorf(lifecycle.Invalid, "--header %q: write 'NAME: VALUE'", header)
		}
		headers[strings.TrimSpace(name)] = strings.TrimSpace(value)
	}
	var answer struct {
		Events []json.RawMessage `json:"events"`
	}
	if done, err := c.post(w, client, sourcePath(c.Source)+"/try", map[string]any{"body": string(body), "headers": headers}, &answer); done || err != nil {
		return err
	}
	for _, event := range answer.Events {
		if err = writeIndented(w.stdout, event); err != nil {
			return err
		}
	}
	if len(answer.Events) == 0 {
		_, err = fmt.Fprintln(w.stdout, "Nothing would come of it.")
	}
	return err
}

// SourcesFetchCommand fetches.
type SourcesFetchCommand struct {
	Source string `arg:"" help:"The source."`
	AsJSON
	Remote
}

// Run fetches.
func (c *SourcesFetchCommand) Run(w *world) error {
	client, err := c.client()
	if err != nil {
		return err
	}
	client.Timeout = 15 * time.Minute
	var answer struct {
		Fetched struct {
			Unchanged                        bool
			Accepted, Repeats, Rejected, Old int
		}
	}
	if done, err := c.post(w, client, sourcePath(c.Source)+"/fetch", map[string]any{}, &answer); done || err != nil {
		return err
	}
	f := answer.Fetched
	if f.Unchanged {
		_, err = fmt.Fprintln(w.stdout, "It is what it was last time: nothing new.")
		return err
	}
	said := plural(f.Accepted, "event", "events") + " taken"
	if f.Repeats > 0 {
		said += fmt.Sprintf(", %d known already", f.Repeats)
	}
	if f.Old > 0 {
		said += fmt.Sprintf(", %d too old", f.Old)
	}
	if f.Rejected > 0 {
		said += fmt.Sprintf(", %s not taken: stagecraft sources rejects %s says why", plural(f.Rejected, "row", "rows"), c.Source)
	}
	_, err = fmt.Fprintln(w.stdout, said+".")
	return err
}

// SourcesRejectsCommand is about what was not taken.
type SourcesRejectsCommand struct {
	Source string `arg:"" help:"The source."`
	Replay string `name:"replay" placeholder:"ID" help:"Give one to the source once more, by its ID, or all."`
	Forget string `name:"forget" placeholder:"ID" help:"Forget one, by its ID, or all."`
	AsJSON
	Remote
}

// Run lists them, or does what is asked.
func (c *SourcesRejectsCommand) Run(w *world) error {
	client, err := c.client()
	if err != nil {
		return err
	}
	path := sourcePath(c.Source) + "/rejects"
	switch {
	case c.Forget == "all":
		_, err = c.call(w, client, http.MethodDelete, path, nil, nil)
		return err
	case c.Forget != "":
		_, err = c.call(w, client, http.MethodDelete, path+"/"+url.PathEscape(c.Forget), nil, nil)
		return err
	case c.JSON && c.Replay == "":
		return printed(w, client, path)
	}
	var answer struct {
		Rejects []struct {
			ID     string    `json:"id"`
			At     time.Time `json:"at"`
			Reason string    `json:"reason"`
			Again  bool      `json:"again"`
		} `json:"rejects"`
	}
	if c.Replay == "" || c.Replay == "all" {
		if _, err = client.Get(w.ctx, path, &answer); err != nil {
			return err
		}
	}
	if c.Replay != "" {
		ids := []string{c.Replay}
		if c.Replay == "all" {
			ids = nil
			for _, r := range answer.Rejects {
				if r.Again {
					ids = append(ids, r.ID)
				}
			}
		}
		return c.replay(w, client, path, ids)
	}
	table := tabwriter.NewWriter(w.stdout, 0, 0, 2, ' ', 0)
	for _, r := range answer.Rejects {
		fmt.Fprintf(table, "%s\t%s\t%s\n", r.ID, r.At.Local().Format(time.DateTime), printable(r.Reason))
	}
	if len(answer.Rejects) == 0 {
		fmt.Fprintln(table, "Nothing is kept here. What does not prove who sent it, or comes while a secret is missing, is counted as refused and not kept.")
	}
	return table.Flush()
}

func (c *SourcesRejectsCommand) replay(w *world, client *Client, path string, ids []string) error {
	taken := 0
	for _, id := range ids {
		var raw json.RawMessage
		if _, err := client.Post(w.ctx, path+"/"+url.PathEscape(id)+"/replay", map[string]any{}, &raw); err != nil {
			return err
		}
		var answer sourceAnswer
		err := json.Unmarshal(raw, &answer)
		if err == nil && c.JSON {
			err = c.print(w, raw) // a line for each
		}
		if err != nil {
			return err
		}
		if answer.Refused != "" {
			fmt.Fprintf(w.stderr, "%s: %s\n", id, printable(answer.Refused))
			continue
		}
		taken++
	}
	if taken < len(ids) {
		return lifecycle.Errorf(lifecycle.Invalid, "%d of %d were taken", taken, len(ids))
	}
	if c.JSON {
		return nil
	}
	_, err := fmt.Fprintf(w.stdout, "%s taken.\n", plural(taken, "is", "are"))
	return err
}

func sourcePath(name string) string { return "/api/sources/" + url.PathEscape(name) }

// printed prints what the server answers, as JSON.
func printed(w *world, client *Client, path string) error {
	var answer json.RawMessage
	if _, err := client.Get(w.ctx, path, &answer); err != nil {
		return err
	}
	return writeIndented(w.stdout, answer)
}

func writeIndented(out io.Writer, value json.RawMessage) error {
	encoder := json.NewEncoder(out)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	return encoder.Encode(value)
}
