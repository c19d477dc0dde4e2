package app

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"

	"stagecraft/app/lifecycle"
	"stagecraft/app/script"
)

// A connector may bring a channel of its own name. It joins the outbox when it is set for the first time, and from then on it is
// changed like any other. When it is removed its lanes stay, so that what waits there leaves when it comes back.

// isOthers reports whether a channel may be one that a connector brings.
func isOthers(channel string) bool {
	problem, _ := script.ChannelProblem(channel)
	return problem == "" && !lifecycle.IsOwnChannel(channel)
}

// unusable says which channels a connector names that it cannot serve, or "".
func unusable(named []string) string {
	var words []string
	for _, channel := range named {
		if slices.Contains(ownChannels(), lifecycle.KindOf(channel)) || isOthers(channel) {
			continue
		}
		why, hint := script.ChannelProblem(channel)
		if why == "" {
			why, hint = "it is served by the program itself", "have the connector name another one"
		}
		words = append(words, fmt.Sprintf("it names the channel %.64q, which cannot be set: %s; %s", channel, why, hint))
	}
	if len(named) == 0 {
		return "it names no channel, so nothing can be sent by it"
	}
	return strings.Join(words, ". ")
}

// ownChannels are the channels of the program that connectors serve, in the order in which they are shown.
func ownChannels() []string { return append([]string{"email"}, builtIn...) }

// settable reports whether a channel can have settings.
func (c *connections) settable(channel string) bool {
	return slices.Contains(ownChannels(), channel) || isOthers(channel)
}

// join makes a channel known to the outbox, without anybody who sends for it, and returns its slot.
func (c *connections) join(channel string) *slot {
	c.mu.Lock()
	s, known := c.slots[channel]
	if !known {
		s = &slot{present: func(here bool) { c.outbox.Occupy(channel, here) }}
		c.slots[channel] = s
	}
	c.mu.Unlock()
	if !known {
		c.outbox.Connect(channel, s)
		s.present(false)
	}
	return s
}

// slot returns that of a channel, or nil.
func (c *connections) slot(channel string) *slot {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.slots[channel]
}

// distrust writes down beside a channel what was not believed of it.
func (c *connections) distrust(channel, text string) {
	if s := c.slot(channel); s != nil {
		if serving := s.channel.Load(); serving != nil {
			serving.Distrust(text)
		}
	}
}

// names returns the channels that have joined: those of the program, then those of others in alphabetical order.
func (c *connections) names() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	names := ownChannels()
	for _, name := range slices.Sorted(maps.Keys(c.slots)) {
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

// shown returns the channels that there is something to be said about: those of the program, and those of others that have
// settings, that messages wait for, or that an approved connector brings.
func (c *connections) shown(queues map[string]int, brought []string) []string {
	names := ownChannels()
	others, _ := c.stored() // what cannot be read is shown if messages wait for it
	others = append(others, brought...)
	for name, queued := range queues {
		if queued > 0 {
			others = append(others, name)
		}
	}
	slices.Sort(others)
	for _, name := range slices.Compact(others) {
		if isOthers(name) {
			names = append(names, name)
		}
	}
	return names
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
