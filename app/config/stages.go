package config

import (
	"net/url"
	"strings"
)

// checkStageWebhooks looks at the addresses to which changes of stages are posted.
func (c *Config) checkStageWebhooks(problems *Problems) {
	for i, text := range c.StageWebhooks {
		text = strings.TrimSpace(text)
		address, err := url.Parse(text)
		if err != nil || address.Scheme != "https" && address.Scheme != "http" || address.Hostname() == "" || address.User != nil {
			problems.add("--stage-webhooks", "%q is not the address of a server; write it like https://example.com/stages", c.StageWebhooks[i])
		}
		c.StageWebhooks[i] = text
	}
}
