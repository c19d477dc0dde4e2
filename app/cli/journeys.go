package cli

import (
	"encoding/json"
	"fmt"
	"net/url"
	"text/tabwriter"

	"stagecraft/app/lifecycle"
)

// JourneysCommand lists journeys or sets the mode of one.
type JourneysCommand struct {
	Name   string `arg:"" optional:"" help:"Name of a journey."`
	Mode   string `arg:"" optional:"" help:"off, shadow (decides and counts, sends nothing) or live."`
	Server string `name:"server" env:"STAGECRAFT_SERVER" placeholder:"URL" help:"The running server. Default: the one that works in the data folder."`
	Data   string `name:"data" env:"STAGECRAFT_DATA" default:"stagecraft-data" placeholder:"FOLDER" help:"The server's data folder, where its address is. Default: ${default}."`
	Key    string `name:"admin-key" env:"STAGECRAFT_ADMIN_KEY" placeholder:"KEY" help:"Its admin key, where the console asks for one."`
	JSON   bool   `name:"json" help:"Print JSON."`
}

// Run lists or sets.
func (c *JourneysCommand) Run(w *world) error {
	client, err := NewClient(serverURL(c.Server, c.Data), c.Key)
	if err != nil {
		return err
	}
	if c.Mode != "" {
		mode, err := lifecycle.ParseMode(c.Mode)
		if err != nil {
			return err
		}
		if _, err = client.Post(w.ctx, "/api/journeys/"+url.PathEscape(c.Name)+"/mode", map[string]string{"mode": string(mode)}, nil); err != nil {
			return err
		}
	}
	var overview struct {
		Journeys []struct {
			Name      string `json:"name"`
			Title     string `json:"title"`
			Mode      string `json:"mode"`
			Version   string `json:"version"`
			Customers int64  `json:"customers"`
			Error     *struct {
				Message string `json:"message"`
				File    string `json:"file"`
				Line    int    `json:"line"`
				Hint    string `json:"hint"`
			} `json:"publishError"`
		} `json:"journeys"`
	}
	if _, err = client.Get(w.ctx, "/api/overview", &overview); err != nil {
		return err
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
		return json.NewEncoder(w.stdout).Encode(overview.Journeys)
	}
	table := tabwriter.NewWriter(w.stdout, 0, 0, 2, ' ', 0)
	for _, journey := range overview.Journeys {
		fmt.Fprintf(table, "%s\t%s\t%s\tversion %.8s\n", journey.Name, journey.Mode, plural(int(journey.Customers), "customer", "customers"), journey.Version)
		if e := journey.Error; e != nil {
			failure := lifecycle.Error{File: e.File, Line: e.Line, Message: e.Message, Hint: e.Hint}
			fmt.Fprintf(table, "  not published: %s\n", failure.Error())
		}
	}
	return table.Flush()
}
