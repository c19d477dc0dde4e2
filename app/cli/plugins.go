package cli

import (
	"fmt"
	"text/tabwriter"
	"time"

	"stagecraft/app/channels"
	"stagecraft/plugins/call"
	"stagecraft/plugins/channel"
	"stagecraft/plugins/email"
	"stagecraft/plugins/inapp"
	"stagecraft/plugins/letter"
	connlog "stagecraft/plugins/log"
	"stagecraft/plugins/push"
	"stagecraft/plugins/sms"
	"stagecraft/plugins/social"
	"stagecraft/plugins/webhook"
)

// builtIn returns a connector that is part of this program, or nil. `stagecraft plugin NAME` is its process, which the
// server starts.
func builtIn(name string) channel.Connector {
	switch name {
	case "email":
		return email.New()
	case "log":
		return connlog.New()
	case "webhook":
		return webhook.New()
	case "sms":
		return sms.New()
	case "push":
		return push.New()
	case "social":
		return social.New()
	case "letter":
		return letter.New()
	case "inapp":
		return inapp.New()
	case "call":
		return call.New()
	}
	return nil
}

// PluginCommand is about the connectors of others. It works on the data folder alone, whether a server runs or not.
type PluginCommand struct {
	List    PluginListCommand    `cmd:"" help:"List the connectors of others, and whether they are approved."`
	Approve PluginApproveCommand `cmd:"" help:"Let the server start a connector as it is now, in the place of an earlier version that runs; once it changes it is refused until it is approved again."`
	Remove  PluginRemoveCommand  `cmd:"" help:"Take an approval back; a server that runs stops the connector within a second or so, and what is queued waits. The files stay."`
}

// PluginFolder says where the connectors are.
type PluginFolder struct {
	Data string `name:"data" env:"STAGECRAFT_DATA" default:"stagecraft-data" placeholder:"FOLDER" help:"The server's data folder; connectors are its plugins/stagecraft-channel-NAME. Default: ${default}."`
}

func (f PluginFolder) plugins() channels.Plugins { return channels.Plugins{Data: f.Data} }

// PluginListCommand lists.
type PluginListCommand struct {
	PluginFolder
	JSON bool `name:"json" help:"Print JSON, as the server lists them."`
}

// Run lists.
func (c *PluginListCommand) Run(w *world) error {
	list, err := c.plugins().List()
	if err != nil {
		return err
	}
	if c.JSON {
		return writeLine(w.stdout, map[string]any{"plugins": append([]channels.Plugin{}, list...)})
	}
	if len(list) == 0 {
		_, err = fmt.Fprintf(w.stdout, "There are no connectors of others in %s.\n", c.Data)
		return err
	}
	table := tabwriter.NewWriter(w.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "NAME\tAPPROVAL\tSHA-256\tPATH")
	for _, p := range list {
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\n", p.Name, p.Approval, p.SHA256, p.Path)
	}
	if err = table.Flush(); err != nil {
		return err
	}
	for _, p := range list {
		if p.Problem != "" {
			fmt.Fprintf(w.stderr, "%s: %s\n", p.Name, p.Problem)
		}
	}
	return nil
}

// PluginApproveCommand approves.
type PluginApproveCommand struct {
	PluginFolder
	JSON   bool   `name:"json" help:"Print JSON."`
	SHA256 string `name:"sha256" placeholder:"HEX" help:"What the connector must have, as its maker published it. Default: what it has."`
	Name   string `arg:"" help:"The connector's name."`
}

// Run approves.
func (c *PluginApproveCommand) Run(w *world) error {
	plugin, err := c.plugins().Approve(c.Name, c.SHA256, time.Now())
	if err != nil {
		return err
	}
	if c.JSON {
		return writeLine(w.stdout, plugin)
	}
	_, err = fmt.Fprintf(w.stdout, "%s is approved with SHA-256 %s\n", plugin.Name, plugin.SHA256)
	return err
}

// PluginRemoveCommand takes an approval back.
type PluginRemoveCommand struct {
	PluginFolder
	JSON bool   `name:"json" help:"Print JSON."`
	Name string `arg:"" help:"The connector's name."`
}

// Run takes it back.
func (c *PluginRemoveCommand) Run(w *world) error {
	if err := c.plugins().Remove(c.Name); err != nil {
		return err
	}
	if c.JSON {
		return writeLine(w.stdout, struct{}{})
	}
	_, err := fmt.Fprintf(w.stdout, "%s is not approved any more\n", c.Name)
	return err
}
