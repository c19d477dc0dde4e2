package cli

import (
	"encoding/json"
	"fmt"
	"text/tabwriter"

	"stagecraft/app/lifecycle"
)

// FormsCommand lists the forms of a running server.
type FormsCommand struct {
	JSON bool `name:"json" help:"Print JSON."`
	Remote
}

// formsAnswer is what the server says about forms.
type formsAnswer struct {
	Forms []struct {
		Name    string `json:"name"`
		URL     string `json:"url"`
		OptIn   string `json:"optIn"`
		Gone    bool   `json:"gone"`
		Warning string `json:"warning"`
		Figures struct {
			Sent, Waiting, Confirmed, Rewards int64
		} `json:"figures"`
	} `json:"forms"`
	Problems []lifecycle.Error `json:"problems"`
}

// Run lists.
func (c *FormsCommand) Run(w *world) error {
	client, err := c.client()
	if err != nil {
		return err
	}
	var raw json.RawMessage
	if _, err = client.Get(w.ctx, "/api/forms", &raw); err != nil {
		return err
	}
	if c.JSON {
		return json.NewEncoder(w.stdout).Encode(raw)
	}
	var answer formsAnswer
	if err = json.Unmarshal(raw, &answer); err != nil {
		return lifecycle.Wrap(lifecycle.Internal, err, "the server's answer cannot be read")
	}
	table := tabwriter.NewWriter(w.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "form\topt-in\tsent\twaiting\tconfirmed\tdownloads\tpage")
	for _, f := range answer.Forms {
		page := f.URL
		if f.Gone {
			page = "its file is gone"
		}
		if f.Warning != "" {
			page += "  (" + f.Warning + ")"
		}
		fmt.Fprintf(table, "%s\t%s\t%d\t%d\t%d\t%d\t%s\n", f.Name, f.OptIn, f.Figures.Sent, f.Figures.Waiting, f.Figures.Confirmed, f.Figures.Rewards, page)
	}
	if err = table.Flush(); err != nil {
		return err
	}
	for i := range answer.Problems {
		fmt.Fprintln(w.stderr, answer.Problems[i].Error())
	}
	return nil
}
