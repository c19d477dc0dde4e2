package channels

import (
	"context"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"stagecraft/app/lifecycle"
	"stagecraft/plugins/channel"
)

// Callback is a request of a provider's, and Reply what it is answered; see the package plugins/channel.
type (
	Callback = channel.Callback
	Reply    = channel.Reply
)

// MaxCallbackBytes is how large a callback's body may be.
const MaxCallbackBytes = channel.MaxCallbackBytes

// Callback gives a request to the connector of a channel and returns its answer, with what the request said: keep the
// reports first, and answer then. from is the network that it comes from. The error has the code NotFound where there is nobody to answer, and Unavailable or
// Busy where trying again helps. A connector is not killed for a callback that it lets wait: anyone may make one.
func (h *Host) Callback(ctx context.Context, name, from string, in Callback) (Reply, []Report, error) {
	h.mu.Lock()
	c := h.channels[name]
	h.mu.Unlock()
	if c == nil {
		return Reply{}, nil, lifecycle.Errorf(lifecycle.NotFound, "there is no channel %.64q that takes callbacks", name)
	}
	return c.callback(ctx, from, in)
}

func (c *Channel) callback(ctx context.Context, from string, in Callback) (Reply, []Report, error) {
	if len(in.Body) > channel.MaxCallbackBytes {
		return Reply{}, nil, lifecycle.Errorf(lifecycle.TooLarge, "a callback's body has at most %d bytes", channel.MaxCallbackBytes)
	}
	end, ok := c.callbacks.take(ctx, from, len(in.Body))
	if !ok {
		return Reply{}, nil, lifecycle.Errorf(lifecycle.Busy, "channel %s has too many callbacks at once; try again soon", c.spec.Channel)
	}
	defer end()
	process, description, _, reason := c.enter(ctx)
	if process == nil {
		return Reply{}, nil, lifecycle.Errorf(lifecycle.Unavailable, "%s", reason)
	}
	defer c.calls.Done()
	if !description.Callbacks {
		return Reply{}, nil, lifecycle.Errorf(lifecycle.NotFound, "connector %s takes no callbacks", c.spec.Name)
	}
	limited, cancel := context.WithTimeout(ctx, c.host.options.SendTimeout)
	defer cancel()
	reply, said, err := process.Callback(limited, in)
	if err != nil {
		code := lifecycle.Unavailable
		if status.Code(err) == codes.Unimplemented {
			code = lifecycle.NotFound
		}
		return Reply{}, nil, lifecycle.Wrap(code, err, "connector %s did not take a callback", c.spec.Name)
	}
	if reply.Status == 0 {
		reply.Status = 200
	}
	if reply.Status < 200 || reply.Status > 599 || len(reply.Body) > channel.MaxReplyBytes {
		return Reply{}, nil, lifecycle.Errorf(lifecycle.Unavailable, "connector %s gave an answer that is none: status %d, %d bytes", c.spec.Name, reply.Status, len(reply.Body))
	}
	var reports []Report
	for _, r := range said {
		if report, ok := c.check(r); ok {
			reports = append(reports, report)
		}
	}
	return reply, reports, nil
}
