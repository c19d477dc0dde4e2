package app

import (
	"context"
	"net"
	"time"

	"stagecraft/app/lifecycle"
	"stagecraft/app/web"
	"stagecraft/plugins/email"
)

// dnsPatience bounds the look at a sender's DNS records.
const dnsPatience = 5 * time.Second

// Records returns the DNS records that the sender of a channel of mail needs, and what is there in their place.
func (c *connections) Records(ctx context.Context, channel string) ([]web.DNSRecord, error) {
	if lifecycle.KindOf(channel) != "email" || c.slot(channel) == nil {
		return nil, lifecycle.Errorf(lifecycle.NotFound, "there is no channel %.64q of mail", channel)
	}
	c.mu.Lock()
	serving := c.serving[channel]
	c.mu.Unlock()
	records := []web.DNSRecord{}
	if serving.Connector != "email" {
		return records, nil
	}
	ctx, cancel := context.WithTimeout(ctx, dnsPatience)
	defer cancel()
	found, err := email.Records(ctx, net.DefaultResolver, serving.Settings)
	if err != nil {
		return nil, lifecycle.Wrap(lifecycle.Invalid, err, "the settings of %s say nothing about its sender", channel)
	}
	for _, r := range found {
		records = append(records, web.DNSRecord(r))
	}
	return records, nil
}
