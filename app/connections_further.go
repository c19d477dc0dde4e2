package app

import (
	"encoding/json"
	"path/filepath"
	"slices"
	"strings"

	"stagecraft/app/channels"
	"stagecraft/app/lifecycle"
)

// A further channel of a kind, such as email-news, is set up like any other, with the connector of its kind and settings of its
// own. It joins the outbox when it is set for the first time, as one does that a connector brings.

// usual returns the connector of a channel for which none is named: the one of its name, else that of its kind.
func (c *connections) usual(channel string) (string, error) {
	plugins, err := c.plugins.List()
	if err != nil {
		return "", err
	}
	if slices.ContainsFunc(plugins, func(p channels.Plugin) bool { return p.Name == channel }) {
		return channel, nil
	}
	if kind := lifecycle.KindOf(channel); kind != channel && ours(kind) {
		return kind, nil
	}
	switch kind, _, further := strings.Cut(channel, "-"); {
	case !further:
	case kind == "inapp":
		return "", lifecycle.Errorf(lifecycle.Invalid, "channel %s cannot be set: a customer has one inbox, the channel inapp; a connector of others may serve a channel of that name, say which", channel)
	case kind == "webhook":
		return "", lifecycle.Errorf(lifecycle.Invalid, "channel %s cannot be set: scripts say where a webhook goes, and all go by the channel webhook; a connector of others may serve a channel of that name, say which", channel)
	case kind == "call":
		return "", lifecycle.Errorf(lifecycle.Invalid, "channel %s cannot be set: there is one list of calls for your people, the channel call; a connector of others that calls by itself may serve a channel of that name, say which", channel)
	}
	return channel, nil
}

// forOthers refuses a connector of this program that serves the channel of its name only, as those of lazyChannels do. One of others
// may have such a name.
func (c *connections) forOthers(connector string) error {
	if c.lazy[connector] == nil {
		return nil
	}
	plugins, err := c.plugins.List()
	if err != nil {
		return err
	}
	if slices.ContainsFunc(plugins, func(p channels.Plugin) bool {
		return p.Name == connector && p.Approval != channels.Unfit && p.Approval != channels.Missing
	}) {
		return nil
	}
	failure := lifecycle.Errorf(lifecycle.Invalid, "connector %s serves the channel %s only", connector, connector)
	failure.Field = "connector"
	return failure
}

// ownFiles are the settings of our connectors that name what one process alone may work in: another one would read what is not
// meant for it, or write over it. A tree is its own with all that lies below; of the others only what stands there itself, as Maildirs
// lie in one another.
var ownFiles = map[string][]ownFile{
	"email":  {{place: []string{"bounce_folder"}}, {place: []string{"warm_up", "state"}}},
	"letter": {{[]string{"folder"}, true}},
	"social": {{place: []string{"zalo", "state"}}},
}

type ownFile struct {
	place []string // of the setting
	tree  bool
}

// apart refuses settings that name a file or folder of another channel's.
func (c *connections) apart(channel string, wanted channels.Connection) error {
	for _, name := range c.names() {
		other, from, err := c.wanted(name)
		if name == channel || err != nil || from == "" || other.Connector != wanted.Connector {
			continue
		}
		for _, setting := range ownFiles[wanted.Connector] {
			path := textAt(wanted.Settings, setting.place)
			theirs := textAt(other.Settings, setting.place)
			if path == "" || theirs == "" {
				continue
			}
			field, words := strings.Join(setting.place, "."), ""
			switch one, another := resolved(path), resolved(theirs); {
			case one == another:
				words = "is that of channel %s already; each channel needs one of its own"
			case setting.tree && within(one, another):
				words = "lies within that of channel %s; each channel needs one of its own"
			case setting.tree && within(another, one):
				words = "holds that of channel %s; each channel needs one of its own"
			default:
				continue
			}
			failure := lifecycle.Errorf(lifecycle.Invalid, "%s "+words, field, name)
			failure.Field = field
			return failure
		}
	}
	return nil
}

// resolved is a path as the file system knows it, as far as it is there: links lead where they do.
func resolved(path string) string {
	path = filepath.Clean(path)
	for there, rest := path, ""; ; there, rest = filepath.Dir(there), filepath.Join(filepath.Base(there), rest) {
		if real, err := filepath.EvalSymlinks(there); err == nil {
			return filepath.Join(real, rest)
		}
		if there == filepath.Dir(there) {
			return path
		}
	}
}

// within reports whether a path lies below another one.
func within(path, folder string) bool {
	relative, err := filepath.Rel(folder, path)
	return err == nil && relative != ".." && !strings.HasPrefix(relative, ".."+string(filepath.Separator))
}

// textAt returns the text at a place in an object, "" if there is none.
func textAt(object json.RawMessage, place []string) string {
	for _, name := range place {
		var fields map[string]json.RawMessage
		if json.Unmarshal(object, &fields) != nil {
			return ""
		}
		object = fields[name]
	}
	var text string
	if json.Unmarshal(object, &text) != nil {
		return ""
	}
	return text
}
