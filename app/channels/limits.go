package channels

import (
	"encoding/json"
	"errors"
	"io/fs"
	"math"
	"os"
	"path/filepath"

	"stagecraft/app/lifecycle"
)

// Limits are what an operator allows a channel, whichever connector serves it. The zero value allows whatever the connector
// takes.
type Limits struct {
	Rate        float64 `json:"rate,omitempty"`        // messages a second at most, 0.001 to 100000; 0: no limit
	Concurrency int     `json:"concurrency,omitempty"` // messages that are with the connector at the same time at most, 1 to 10000; 0: no limit
}

// Check returns an error that names the field if a limit cannot be kept.
func (l Limits) Check() error {
	wrong := func(field, message string) error {
		return &lifecycle.Error{Code: lifecycle.Invalid, Field: field, Message: message}
	}
	switch {
	case l.Rate != 0 && !(l.Rate >= 0.001 && l.Rate <= 100_000) || math.IsNaN(l.Rate):
		return wrong("rate", "the rate must be 0.001 to 100000 messages a second, or 0 for no limit")
	case l.Concurrency < 0 || l.Concurrency > 10_000:
		return wrong("concurrency", "the concurrency must be 1 to 10000 messages, or 0 for no limit")
	}
	return nil
}

// limitsFile is where the limits of all channels stand, beside the settings. They are no secret.
const limitsFile = "limits.json"

// Limits returns the limits of the channels that have any.
func (s *Settings) Limits() (map[string]Limits, error) {
	limits := map[string]Limits{}
	path := filepath.Join(s.dir, limitsFile)
	data, err := os.ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return limits, nil
	case err != nil:
		return nil, lifecycle.Wrap(lifecycle.Unavailable, err, "the limits of channels cannot be read")
	}
	if err = json.Unmarshal(data, &limits); err != nil || limits == nil {
		return nil, lifecycle.Errorf(lifecycle.Invalid, "%s holds no limits of channels; mend it, or remove it and set them again", path)
	}
	for channel, l := range limits {
		if err = l.Check(); err != nil {
			return nil, lifecycle.Wrap(lifecycle.Invalid, err, "%s: channel %.80s", path, channel)
		}
	}
	return limits, nil
}

// SaveLimits replaces the limits of a channel.
func (s *Settings) SaveLimits(channel string, l Limits) error {
	if err := l.Check(); err != nil {
		return err
	}
	limits, err := s.Limits()
	if err != nil {
		return err
	}
	if limits[channel] = l; l == (Limits{}) {
		delete(limits, channel)
	}
	data, err := json.MarshalIndent(limits, "", "  ")
	if err == nil {
		err = os.MkdirAll(s.dir, 0o700)
	}
	if err == nil {
		err = replaceFile(filepath.Join(s.dir, limitsFile), append(data, '\n'))
	}
	if err != nil {
		return lifecycle.Wrap(lifecycle.Unavailable, err, "the limits of channel %s cannot be written", channel)
	}
	return nil
}

// Limit sets the channel's limits, from now on: what waits for its turn is counted anew.
func (c *Channel) Limit(l Limits) {
	c.gate.Set(l)
}
