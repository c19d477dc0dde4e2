package cli

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"stagecraft/app/lifecycle"
)

// JourneysCommand lists journeys or sets the mode of one.
type JourneysCommand struct {
	Name string `arg:"" optional:"" help:"Name of a journey."`
	Mode string `arg:"" optional:"" help:"off, shadow (decides and counts, sends nothing, and holds what is queued until it is live again), live, or braked (stops it at once and holds its queued messages, until it is live again)."`
	Yes  bool   `name:"yes" short:"y" help:"Go live without asking, however many people that reaches, and whatever else is live."`
	AsJSON
	Remote
}

// Remote says which running server a verb talks to, as its operator.
type Remote struct {
	Server string `name:"server" env:"STAGECRAFT_SERVER" placeholder:"URL" help:"The running server. Default: the one that works in the data folder."`
	Data   string `name:"data" env:"STAGECRAFT_DATA" default:"stagecraft-data" placeholder:"FOLDER" help:"The server's data folder, where its address is. Default: ${default}."`
	Key    string `name:"admin-key" env:"STAGECRAFT_ADMIN_KEY" placeholder:"KEY" help:"Its admin key, where the console asks for one. Default: from keys.json in the data folder."`
}

// client returns a client that somebody at a terminal waits for: it does not wait long for a server that is away.
func (r Remote) client() (*Client, error) {
	key := r.Key
	if key == "" && r.Server == "" {
		var keys struct{ Admin string }
		if text, err := os.ReadFile(filepath.Join(r.Data, "keys.json")); err == nil && json.Unmarshal(text, &keys) == nil {
			key = keys.Admin
		}
	}
	client, err := clientOf(r.Server, r.Data, key)
	if err != nil {
		return nil, err
	}
	client.Absent, client.KeyHint = time.Second, adminKeyHint
	return client, nil
}

// setMode switches a journey. Before it goes live, it is said whom that reaches; above the server's limit somebody has
// to agree.
func (c *JourneysCommand) setMode(w *world, client *Client) error {
	mode := lifecycle.Mode(c.Mode)
	path := "/api/journeys/" + url.PathEscape(c.Name)
	agreed := c.Yes
	if mode == lifecycle.Live {
		var reach struct {
			NextHour int      `json:"nextHour"`
			NextWeek int      `json:"nextWeek"`
			More     bool     `json:"more"`
			Limit    int      `json:"limit"`
			Beside   []string `json:"beside"`
		}
		if _, err := client.Get(w.ctx, path+"/reach", &reach); err != nil {
			return err
		}
		least := map[bool]string{true: "at least "}[reach.More]
		fmt.Fprintf(w.stderr, "People with a timer that is due: %s%d in the next hour, %s%d in the next seven days.\n", least, reach.NextHour, least, reach.NextWeek)
		for _, name := range reach.Beside {
			fmt.Fprintf(w.stderr, "Journey %s may be %s under another name, as the folder of one of them is gone: both would write to customers. If it is, switch it off first: stagecraft journeys %[1]s off\n", name, c.Name)
		}
		above := reach.NextHour > reach.Limit
		if above {
			fmt.Fprintf(w.stderr, "That is more than %d within the hour.\n", reach.Limit)
		}
		if (above || len(reach.Beside) > 0) && !agreed {
			fmt.Fprintf(w.stderr, "Take %s live? [y/N] ", c.Name)
			if !agrees(w.stdin) {
				return lifecycle.Errorf(lifecycle.Conflict, "%s was left as it was; --yes takes it live without asking", c.Name)
			}
			agreed = true
		}
	}
	_, err := client.Post(w.ctx, path+"/mode", map[string]any{"mode": mode, "yes": agreed}, nil)
	return err
}

// agrees reads a line and reports whether it means yes.
func agrees(from io.Reader) bool {
	line, _ := bufio.NewReader(from).ReadString('\n')
	switch strings.ToLower(strings.TrimSpace(line)) {
	case "y", "yes":
		return true
	}
	return false
}

// unpublished is why files were not published.
type unpublished struct {
	Message string `json:"message"`
	File    string `json:"file"`
	Line    int    `json:"line"`
	Hint    string `json:"hint"`
}

func (u *unpublished) String() string {
	failure := lifecycle.Error{File: u.File, Line: u.Line, Message: u.Message, Hint: u.Hint}
	return failure.Error()
}

// printOverview prints what the server answers, with the journey alone that was named, if one was.
func (c *JourneysCommand) printOverview(w *world, raw json.RawMessage) error {
	if c.Name == "" {
		return c.print(w, raw)
	}
	var whole map[string]json.RawMessage
	var journeys []json.RawMessage
	err := json.Unmarshal(raw, &whole)
	if err == nil {
		err = json.Unmarshal(whole["journeys"], &journeys)
	}
	if err != nil {
		return lifecycle.Wrap(lifecycle.Internal, err, "the server's answer cannot be read")
	}
	journeys = slices.DeleteFunc(journeys, func(journey json.RawMessage) bool {
		var one struct{ Name string }
		return json.Unmarshal(journey, &one) != nil || one.Name != c.Name
	})
	if whole["journeys"], err = json.Marshal(journeys); err != nil {
		return err
	}
	return c.print(w, whole)
}

// Run lists or sets.
func (c *JourneysCommand) Run(w *world) error {
	if c.Mode != "" {
		if _, err := lifecycle.ParseMode(c.Mode); err != nil {
			return &Exit{2, err}
		}
	}
	client, err := c.client()
	if err != nil {
		return err
	}
	if c.Mode != "" {
		if err = c.setMode(w, client); err != nil {
			return err
		}
	}
	var overview struct {
		Journeys []struct {
			Name      string       `json:"name"`
			Title     string       `json:"title"`
			Mode      string       `json:"mode"`
			Version   string       `json:"version"`
			Customers int64        `json:"customers"`
			Error     *unpublished `json:"publishError"`
			Gone      bool         `json:"gone,omitempty"`
		} `json:"journeys"`
		Problems []unpublished `json:"problems"` // of what is beside the journeys
	}
	var raw json.RawMessage
	if _, err = client.Get(w.ctx, "/api/overview", &raw); err != nil {
		return err
	}
	if err = json.Unmarshal(raw, &overview); err != nil {
		return lifecycle.Wrap(lifecycle.Internal, err, "the server's answer cannot be read")
	}
	if c.Name != "" {
		kept := overview.Journeys[:0]
		for _, journey := range overview.Journeys {
			if journey.Name == c.Name {
				kept = append(kept, journey)
			}
		}
		if overview.Journeys = kept; len(kept) == 0 {
			return lifecycle.Errorf(lifecycle.NotFound, "there is no journey %q", c.Name)
		}
	}
	if c.JSON {
		return c.printOverview(w, raw)
	}
	table := tabwriter.NewWriter(w.stdout, 0, 0, 2, ' ', 0)
	if c.Name == "" {
		fmt.Fprintln(table, "journey\tmode\tin it\tscripts")
	}
	for _, journey := range overview.Journeys {
		fmt.Fprintf(table, "%s\t%s\t%s\tversion %.8s\n", journey.Name, journey.Mode, plural(int(journey.Customers), "customer", "customers"), journey.Version)
		if e := journey.Error; e != nil {
			fmt.Fprintf(table, "  not published: %s\n", e)
		}
		switch {
		case journey.Gone && journey.Mode == string(lifecycle.Off):
			fmt.Fprintf(table, "  its folder is gone\n")
		case journey.Gone:
			fmt.Fprintf(table, "  its folder is gone; the version that was published last runs on: switch it off, or bring the folder back\n")
		}
	}
	if err = table.Flush(); err != nil || c.Name != "" {
		return err
	}
	for _, problem := range overview.Problems {
		fmt.Fprintf(w.stdout, "not published: %s\n", &problem)
	}
	return nil
}
