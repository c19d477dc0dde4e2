package app

import (
	"stagecraft/app/config"
	"stagecraft/app/delivery"
)

// PolicyOf returns what the settings say about sending, as delivery goes by it. The zone stays that of UTC.
func PolicyOf(settings config.Policy) delivery.Policy {
	rules := settings.Rules()
	policy := delivery.Policy{OptIn: rules.OptIn, CountOwed: rules.CountOwed, Duplicates: rules.Duplicates, Labels: rules.Labels,
		Hours: map[string][]delivery.Hours{}, Caps: map[string][]delivery.Cap{}}
	for channel, list := range rules.Hours {
		policy.Hours[channel] = nil
		for _, hours := range list {
			policy.Hours[channel] = append(policy.Hours[channel], delivery.Hours(hours))
		}
	}
	for channel, list := range rules.Caps {
		policy.Caps[channel] = nil
		for _, limit := range list {
			policy.Caps[channel] = append(policy.Caps[channel], delivery.Cap(limit))
		}
	}
	return policy
}
