package app

import (
	"os"
	"slices"
	"strings"

	"stagecraft/app/config"
	"stagecraft/app/lifecycle"
	"stagecraft/app/script"
)

// A connector may bring a channel of its own name. Its lanes in the outbox are made when the server starts, so a channel that
// is set for the first time begins with the next start; from then on it is changed like any other.

// becauseNew says why a channel that has settings is not served.
const becauseNew = "the channel is new and begins with the next start of the server"

// isOthers reports whether a channel may be one that a connector brings.
func isOthers(channel string) bool {
	problem, _ := script.ChannelProblem(channel)
	return problem == "" && !lifecycle.IsOwnChannel(channel)
}

// withOthers adds the channels of others that have settings, stored or in the file of --channels, in alphabetical order.
func (c *connections) withOthers(names []string, file config.ChannelsFile) ([]string, error) {
	others, err := c.stored()
	if err != nil {
		return nil, err
	}
	specs, err := file.Read()
	if err != nil {
		return nil, lifecycle.Wrap(lifecycle.Invalid, err, "%s cannot be used", file)
	}
	for _, spec := range specs {
		others = append(others, spec.Channel)
	}
	slices.Sort(others)
	for _, name := range slices.Compact(others) {
		if isOthers(name) && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names, nil
}

// stored are the channels that have settings.
func (c *connections) stored() (names []string, err error) {
	files, err := os.ReadDir(c.settings.Dir())
	if err != nil && !os.IsNotExist(err) {
		return nil, lifecycle.Wrap(lifecycle.Unavailable, err, "the settings of channels cannot be read")
	}
	for _, file := range files {
		if name, is := strings.CutSuffix(file.Name(), ".settings"); is {
			names = append(names, name)
		}
	}
	return names, nil
}

// waiting are the channels that begin with the next start.
func (c *connections) waiting() (names []string) {
	stored, _ := c.stored() // what cannot be read is not shown
	for _, name := range stored {
		if c.slots[name] == nil && isOthers(name) {
			names = append(names, name)
		}
	}
	return names
}

// coming says that a channel of others has settings for the first time.
func (c *connections) coming(channel string) {
	c.log.Info("a channel is new: it begins with the next start of the server", "channel", channel)
}
