package cli

import (
	"encoding/json"
	"fmt"
	"text/tabwriter"
	"time"

	"stagecraft/app/lifecycle"
)

// CustomersSuspiciousCommand lists identities behind which more people seem to be than one.
type CustomersSuspiciousCommand struct {
	Forgive string `name:"forgive" placeholder:"KIND:VALUE" help:"Let an identity join people again, such as email:desk@example.com."`
	AsJSON
	Remote
}

// suspicious is an identity as the server shows it.
type suspicious struct {
	Identity  lifecycle.Identity `json:"identity"`
	Customer  lifecycle.ID       `json:"customer,omitzero"`
	Users     int                `json:"users"`
	Customers int                `json:"customers"`
	Since     time.Time          `json:"since"`
	Reason    string             `json:"reason"`
}

// Run lists them, or forgives one.
func (c *CustomersSuspiciousCommand) Run(w *world) error {
	client, err := c.client()
	if err != nil {
		return err
	}
	if c.Forgive != "" {
		kind, value := kindAndValue(c.Forgive)
		if done, err := c.post(w, client, "/v1/identities/forgive", map[string]string{"kind": kind, "value": value}, nil); done || err != nil {
			return err
		}
		_, err = fmt.Fprintf(w.stdout, "%s may join people again, from the next time that it is said of somebody\n", value)
		return err
	}
	all := []suspicious{}
	list := pages{path: "/v1/identities/suspicious", name: "suspicious", most: 1000}
	err = list.each(w, client, 0, func(raw json.RawMessage) error {
		var one suspicious
		if err := json.Unmarshal(raw, &one); err != nil {
			return lifecycle.Wrap(lifecycle.Internal, err, "the server's answer cannot be read")
		}
		all = append(all, one)
		return nil
	})
	if err != nil {
		return err
	}
	if c.JSON {
		return json.NewEncoder(w.stdout).Encode(map[string]any{"suspicious": all})
	}
	if len(all) == 0 {
		_, err = fmt.Fprintln(w.stdout, "nothing suspicious is known")
		return err
	}
	table := tabwriter.NewWriter(w.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "KIND\tVALUE\tUSERS\tCUSTOMERS\tSINCE\tWHY")
	for _, s := range all {
		fmt.Fprintf(table, "%s\t%s\t%d\t%d\t%s\t%s\n", s.Identity.Kind, s.Identity.Value, s.Users, s.Customers, s.Since.Format(time.RFC3339), s.Reason)
	}
	return table.Flush()
}

// kindAndValue reads "email:desk@example.com"; of "external:shopify:7" the kind has two parts.
func kindAndValue(text string) (kind, value string) {
	colons := 1
	if len(text) > 9 && text[:9] == "external:" {
		colons = 2
	}
	for i := range len(text) {
		if text[i] == ':' {
			if colons--; colons == 0 {
				return text[:i], text[i+1:]
			}
		}
	}
	return text, ""
}
