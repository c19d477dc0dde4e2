package config

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
)

// Channels beside mail and webhooks.
var furtherChannels = []string{"sms", "push", "social", "letter"}

// allChannels are those by which messages leave.
var allChannels = append([]string{"email", "webhook", "inapp", "call"}, furtherChannels...)

// isChannel reports whether a name is that of a channel of the program, or may be that of one that a connector brings: lower-case
// letters, digits and dashes. One that is nearly a name of ours is a slip of the pen.
func isChannel(name string, ours []string) bool {
	if slices.Contains(ours, name) {
		return true
	}
	for _, known := range allChannels {
		if nearly(name, known) {
			return false
		}
	}
	return name != "" && len(name) <= 64 && name[0] != '-' && strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789-") == ""
}

// nearly reports whether two words differ by one letter, or by two that changed places, or not at all.
func nearly(a, b string) bool {
	for a != "" && b != "" && a[0] == b[0] {
		a, b = a[1:], b[1:]
	}
	for a != "" && b != "" && a[len(a)-1] == b[len(b)-1] {
		a, b = a[:len(a)-1], b[:len(b)-1]
	}
	return len(a) <= 1 && len(b) <= 1 || len(a) == 2 && len(b) == 2 && a[0] == b[1] && a[1] == b[0]
}

// ChannelsFile is the path of a JSON file that says which connectors serve further channels:
//
//	{
//	  "sms":    { "settings": { "provider": "twilio", … } },
//	  "social": { "connector": "our-own", "settings": { … } }
//	}
//
// The settings are taken over into the data folder when a channel has none there, and the file is not needed after that.
// With "rate" and "concurrency" beside the settings a channel is given so many messages a second, and at the same time, at most.
// Without "connector" it is the built-in one of the channel's kind: a further channel, such as "sms-vn" beside "sms", is named
// like its kind, with a dash and a word of yours. Another connector is approved first, see `stagecraft plugin --help`. What
// belongs into the settings says the connector. They may hold secrets: keep the file to yourself.
type ChannelsFile string

// ChannelSpec is how one channel is served.
type ChannelSpec struct {
	Channel   string          `json:"-"`
	Connector string          `json:"connector"` // empty: the usual one of the channel's name
	Settings  json.RawMessage `json:"settings"`  // a JSON object
	// Rate and Concurrency are how many messages a second, and at the same time, it may be given; nil: no limit.
	Rate        *float64 `json:"rate"`
	Concurrency *int     `json:"concurrency"`
}

// Read returns the channels of the file in alphabetical order; none if there is no file.
func (f ChannelsFile) Read() ([]ChannelSpec, error) {
	if f == "" {
		return nil, nil
	}
	file, err := os.Open(string(f))
	if err != nil {
		return nil, err
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, maxFileBytes+1))
	if err != nil {
		return nil, err
	}
	if len(text) > maxFileBytes {
		return nil, fmt.Errorf("it is longer than %d bytes; it holds channels only", maxFileBytes)
	}
	return parseChannels(text)
}

func parseChannels(text []byte) ([]ChannelSpec, error) {
	var found map[string]ChannelSpec
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	// A decoder's own sentence could quote a value, and a value could be a secret.
	if err := decoder.Decode(&found); err != nil || found == nil {
		return nil, fmt.Errorf(`it must be one JSON object of channels, such as {"sms": {"settings": {…}}}, each with "connector", "settings", "rate" and "concurrency"`)
	}
	if _, err := decoder.Token(); err != io.EOF {
		return nil, fmt.Errorf("there is something behind the JSON object; write one object only")
	}
	var specs []ChannelSpec
	for _, name := range slices.Sorted(maps.Keys(found)) {
		spec := found[name]
		spec.Channel = name
		if !isChannel(name, furtherChannels) {
			return nil, fmt.Errorf("%q is no channel that can be set here; there are: %s", name, strings.Join(furtherChannels, ", "))
		}
		if settings := bytes.TrimSpace(spec.Settings); len(settings) == 0 {
			spec.Settings = json.RawMessage("{}")
		} else if settings[0] != '{' {
			return nil, fmt.Errorf("the settings of %q must be a JSON object", name)
		}
		specs = append(specs, spec)
	}
	return specs, nil
}

func (c *Config) checkChannels(problems *Problems) {
	if _, err := c.Channels.Read(); err != nil {
		problems.add("--channels", "%s: %s", c.Channels, err)
	}
}
