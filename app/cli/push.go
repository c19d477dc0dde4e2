package cli

import (
	"encoding/json"

	"stagecraft/plugins/push"
)

// PushCommand is about notifications in browsers.
type PushCommand struct {
	Keys PushKeysCommand `cmd:"" help:"Draw a pair of VAPID keys, as settings of the channel push; the web site subscribes with the public one."`
}

// PushKeysCommand draws keys.
type PushKeysCommand struct {
	Contact string `name:"contact" placeholder:"ADDRESS" default:"mailto:push@example.com" help:"Where push services can reach you: mailto:name@your.domain or an https address. Default: ${default}, which is to be changed."`
}

// Run draws them.
func (c *PushKeysCommand) Run(w *world) error {
	private, public, err := push.NewKey()
	if err != nil {
		return err
	}
	out := json.NewEncoder(w.stdout)
	out.SetIndent("", "  ")
	return out.Encode(struct {
		Private string `json:"vapid_private_key"`
		Public  string `json:"vapid_public_key"`
		Contact string `json:"contact"`
	}{private, public, c.Contact})
}
