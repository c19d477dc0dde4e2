package app

import (
	"stagecraft/app/channels"
	"stagecraft/app/lifecycle"
	"stagecraft/app/web"
	"stagecraft/plugins/sms"
)

// loadLimits reads what operators allow channels. Where that cannot be read, nothing is started: a limit that is forgotten
// could cost a sender's good name.
func (c *connections) loadLimits() (err error) {
	c.limits, err = c.settings.Limits()
	return err
}

func (c *connections) limitsOf(channel string) channels.Limits {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.limits[channel]
}

// limited returns a channel's limits with changes; nil changes nothing.
func (c *connections) limited(channel string, rate *float64, concurrency *int) (channels.Limits, error) {
	if c.lazy[channel] == nil && !c.settable(channel) {
		return channels.Limits{}, lifecycle.Errorf(lifecycle.NotFound, "there is no channel %.64q that can be limited; there are: %s", channel, joined(append(c.names(), lazyChannels...)))
	}
	limits := c.limitsOf(channel)
	if rate != nil {
		limits.Rate = *rate
	}
	if concurrency != nil {
		limits.Concurrency = *concurrency
	}
	return limits, nil
}

// limit changes a channel's limits, from now on and for later starts; nil changes nothing.
func (c *connections) limit(channel string, rate *float64, concurrency *int) error {
	limits, err := c.limited(channel, rate, concurrency)
	if err != nil || rate == nil && concurrency == nil {
		return err
	}
	if isOthers(channel) { // it is what it is by its settings
		if _, err = c.settings.Load(channel); err != nil {
			return err
		}
	}
	if err = c.settings.SaveLimits(channel, limits); err != nil {
		return err
	}
	c.mu.Lock()
	c.limits[channel] = limits
	c.mu.Unlock()
	if lazy := c.lazy[channel]; lazy != nil {
		lazy.limit(limits)
	} else if slot := c.slot(channel); slot != nil {
		if running := slot.channel.Load(); running != nil {
			running.Limit(limits)
		}
	}
	c.log.Info("a channel has new limits", "channel", channel, "rate", limits.Rate, "concurrency", limits.Concurrency)
	return nil
}

// smsSize measures a text as a channel of text messages would send it with its settings.
func (c *connections) smsSize(channel, text string) web.SMSSize {
	c.mu.Lock()
	settings := c.serving[channel].Settings
	c.mu.Unlock()
	return web.SMSSize(sms.SizeOf(settings, text))
}
