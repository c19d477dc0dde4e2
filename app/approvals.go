package app

import (
	"context"
	"fmt"
	"os"
	"time"

	"stagecraft/app/lifecycle"
)

// approvalsPoll is how often it is looked whether approvals have changed: the verbs change them without a server.
const approvalsPoll = time.Second

// Approve lets the server start a connector of others that has the SHA-256 given, and puts it to work where a channel is to be
// served by it: a new version takes the place of the one that runs.
func (c *connections) Approve(ctx context.Context, connector, sum string, at time.Time) error {
	c.approving.Lock()
	_, err := c.plugins.Approve(connector, sum, at)
	c.approving.Unlock()
	if err != nil {
		return err
	}
	c.forgetFailure(connector, sum)
	c.log.Info("a connector was approved", "connector", connector, "sha256", sum)
	return c.heedApprovals(ctx)
}

// Disapprove takes the approval of a connector of others back, and stops it wherever it serves. What is queued there waits.
func (c *connections) Disapprove(ctx context.Context, connector string) error {
	c.approving.Lock()
	err := c.plugins.Remove(connector)
	c.approving.Unlock()
	if err != nil {
		return err
	}
	c.log.Info("the approval of a connector was taken back", "connector", connector)
	return c.heedApprovals(ctx)
}

// unapproved says why a connector may not be started: it is one of others that is not approved. It notes as what it is approved.
func (c *connections) unapproved(channel, connector string) (problem string) {
	sum := ""
	if !ours(connector) {
		approvals, err := c.plugins.Approvals()
		if sum = approvals[connector]; err != nil {
			problem = err.Error()
		} else if sum == "" {
			problem = fmt.Sprintf("connector %s is not approved; look at it, and run: stagecraft plugin approve %s", connector, connector)
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.approved[channel] = sum
	return problem
}

// heedApprovals stops the connectors of others that are not approved any more, and starts those that are now, or are approved as
// something else.
func (c *connections) heedApprovals(ctx context.Context) error {
	c.changing.Lock()
	defer c.changing.Unlock()
	approvals, err := c.plugins.Approvals()
	if err != nil {
		return err
	}
	ctx = context.WithoutCancel(ctx) // half of it would be worse
	var failed error
	for _, name := range c.names() {
		wanted, from, err := c.wanted(name)
		if err != nil || from == "" || ours(wanted.Connector) {
			continue
		}
		c.mu.Lock()
		same := c.approved[name] == approvals[wanted.Connector]
		c.mu.Unlock()
		if same {
			continue
		}
		c.log.Info("the approval of a channel's connector has changed", "channel", name, "connector", wanted.Connector, "sha256", approvals[wanted.Connector])
		if err = c.run(ctx, name, wanted); err != nil {
			failed = err
		}
	}
	return failed
}

// watchApprovals heeds approvals that the verbs change, within about a second, until ctx ends.
func (c *connections) watchApprovals(ctx context.Context) {
	stamp := func() string {
		info, err := os.Stat(c.plugins.ApprovalsFile())
		if err != nil {
			return ""
		}
		return fmt.Sprint(info.ModTime().UnixNano(), info.Size())
	}
	for heeded, told := "before", ""; ; {
		if now := stamp(); now != heeded {
			switch err := c.heedApprovals(ctx); {
			case err == nil:
				heeded, told = now, ""
			case ctx.Err() == nil && err.Error() != told: // it is tried again each time, and told once
				told = err.Error()
				c.log.Error("the approvals of connectors cannot be heeded; what runs goes on", "error", err)
			}
		}
		if (lifecycle.WallClock{}).Wait(ctx, time.Now().Add(approvalsPoll)) != nil {
			return
		}
	}
}
