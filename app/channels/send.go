package channels

import (
	"context"
	"errors"
	"fmt"
	"time"

	"stagecraft/app/lifecycle"
	"stagecraft/plugins/channel"
)

// Outgoing is one message for one attempt.
type Outgoing struct {
	ID      lifecycle.ID
	Ref     lifecycle.Ref // by which reports find it again; zero: nobody waits for any, the connector gets the bare ID
	Attempt int           // 1 at the first
	Kind    lifecycle.MessageKind
	Direct  bool // another program asked for it
	lifecycle.Rendered
}

// wireID is the ID by which the connector knows the message.
func (m *Outgoing) wireID() string {
	if m.Ref.IsZero() {
		return m.ID.String()
	}
	return m.Ref.String()
}

// Limits of one call to a connector.
const (
	maxCallBytes    = 8 << 20  // of several messages; more are sent in several calls
	maxMessageBytes = 32 << 20 // of one message
)

// Admit waits until messages may be handed over, and says how many: at most so many as are asked for, fewer where a rate or a
// limit of what is with the connector leaves no room for more. Those that go first do not wait for the others. None may when ctx has
// ended before, or the channel is stopping. The pass is to be left when they are with the connector no more.
func (c *Channel) Admit(ctx context.Context, most int, first bool) *Pass {
	waiting, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(c.ctx, cancel)()
	return c.gate.Enter(waiting, c.host.options.Clock, most, first)
}

// Send hands messages to the connector and returns one receipt for each, in their order. How many it may be handed says Admit. When
// the connector cannot be reached at all, every receipt is temporary. When a call was handed over and the connector died, hung or
// answered nonsense, the messages without a trustworthy receipt are in doubt. A call that passes its deadline, Options.SendTimeout
// or ctx's if that is sooner, costs the connector its life; the end of ctx for another reason only ends the call.
func (c *Channel) Send(ctx context.Context, messages []Outgoing) []lifecycle.Receipt {
	receipts := make([]lifecycle.Receipt, 0, len(messages))
	for len(messages) > 0 {
		process, description, after, reason := c.enter(ctx)
		if process == nil {
			rest := all(messages, lifecycle.OutcomeTemporary, reason, after)
			for i := range rest {
				rest[i].Untried = ctx.Err() != nil // nothing is wrong with the connector
			}
			return append(receipts, rest...)
		}
		n, wire, tooLarge := batch(messages, description.MaxBatch)
		if tooLarge {
			receipts = append(receipts, all(messages[:1], lifecycle.OutcomePermanent,
				fmt.Sprintf("the message has more than %d MB", maxMessageBytes>>20), 0)...)
		} else {
			receipts = append(receipts, c.tryCall(ctx, process, messages[:n], wire)...)
		}
		c.calls.Done()
		messages = messages[n:]
	}
	return receipts
}

// tryCall makes a call unless too many have failed.
func (c *Channel) tryCall(ctx context.Context, process *channel.Process, messages []Outgoing, wire []channel.Message) []lifecycle.Receipt {
	clock := c.host.options.Clock
	after, ok := c.breaker.enter(clock.Now())
	if !ok {
		return all(messages, lifecycle.OutcomeTemporary, "connector "+c.spec.Name+" has failed too often and gets a pause", after)
	}
	receipts, failed := c.call(ctx, process, messages, wire)
	if !failed && ctx.Err() != nil {
		c.breaker.giveUp() // nothing is known
		return receipts
	}
	if pause := c.breaker.leave(clock.Now(), failed); pause > 0 {
		c.host.options.Log.Warn("connector fails one call after the other and gets a pause", "channel", c.spec.Channel, "connector", c.spec.Name, "pause", pause)
	}
	return receipts
}

// enter counts a call in and returns the process to make it to, or nil and why there is none.
func (c *Channel) enter(ctx context.Context) (*channel.Process, channel.Description, time.Duration, string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	name := c.spec.Name
	switch {
	case ctx.Err() != nil:
		return nil, c.description, 0, "the time for the batch was over before this message was handed over"
	case c.ctx.Err() != nil || c.state == Stopped:
		return nil, c.description, 0, "connector " + name + " is stopping"
	case c.state == Backoff:
		return nil, c.description, max(0, c.next.Sub(c.host.options.Clock.Now())), "connector " + name + " is down: " + c.lastError
	case c.state != Running:
		return nil, c.description, 0, "connector " + name + " is starting"
	}
	select {
	case <-c.process.Done():
		return nil, c.description, 0, "connector " + name + " has just ended"
	default:
	}
	c.calls.Add(1)
	return c.process, c.description, 0, ""
}

// batch takes as many messages as fit into one call, one at least.
func batch(messages []Outgoing, most int) (n int, wire []channel.Message, tooLarge bool) {
	wire = make([]channel.Message, 0, min(len(messages), most))
	for size := 0; n < len(messages) && n < most; n++ {
		m := &messages[n]
		bytes := len(m.To) + len(m.Subject) + len(m.Text) + len(m.HTML)
		for name, value := range m.Headers {
			bytes += len(name) + len(value)
		}
		for name, value := range m.Data {
			bytes += len(name) + len(value)
		}
		if n == 0 && bytes > maxMessageBytes {
			return 1, nil, true
		}
		if size += bytes; n > 0 && size > maxCallBytes {
			break
		}
		wire = append(wire, channel.Message{
			ID: m.wireID(), To: m.To, Subject: m.Subject, Text: m.Text, HTML: m.HTML, Headers: m.Headers, Date: m.Date,
			Attempt: m.Attempt, Kind: string(m.Kind), Data: m.Data,
		})
	}
	return n, wire, false
}

// call makes one call and judges its answer. It has failed where nothing that was said can be trusted.
func (c *Channel) call(ctx context.Context, process *channel.Process, messages []Outgoing, wire []channel.Message) (receipts []lifecycle.Receipt, failed bool) {
	limited, cancel := context.WithTimeout(ctx, c.host.options.SendTimeout)
	defer cancel()
	answers, err := process.Send(limited, wire)
	switch {
	case err == nil:
		receipts, wrong := match(messages, wire, answers)
		for i := range receipts {
			if r := &receipts[i]; r.Reason != "" || r.Pause != "" || r.Reply != nil {
				r.Reason, r.Pause = c.covered(r.Reason), c.covered(r.Pause)
				if r.Reply != nil {
					r.Reply.Text = c.covered(r.Reply.Text)
				}
			}
		}
		if wrong > 0 {
			text := fmt.Sprintf("connector %s gave no receipt that can be trusted for %d of %d messages", c.spec.Name, wrong, len(messages))
			c.note(text)
			c.host.options.Log.Error(text, "channel", c.spec.Channel)
		}
		c.refer(ctx, messages, receipts, answers)
		c.learned(messages, answers)
		return receipts, wrong == len(messages)
	case errors.Is(err, channel.ErrNotSent):
		c.noteOf(process, fmt.Sprintf("connector %s refused a batch: %v", c.spec.Name, err))
		return all(messages, lifecycle.OutcomeTemporary, "the connector refused the batch: "+err.Error(), 0), true
	case passed(limited):
		c.condemn(process, "it let the deadline of a batch pass and was killed")
		return all(messages, lifecycle.OutcomeInDoubt, "the connector did not answer in time", 0), true
	case limited.Err() != nil:
		return all(messages, lifecycle.OutcomeInDoubt, "the batch was given up before the connector answered", 0), false
	}
	c.noteOf(process, fmt.Sprintf("connector %s broke off a batch: %v", c.spec.Name, err))
	return all(messages, lifecycle.OutcomeInDoubt, "the connector did not answer: "+err.Error(), 0), true
}

// passed reports whether the deadline of a call has come. The connector's side can notice it a moment before the
// context's own timer does.
func passed(ctx context.Context) bool {
	if err := ctx.Err(); err != nil {
		return errors.Is(err, context.DeadlineExceeded)
	}
	deadline, ok := ctx.Deadline()
	return ok && time.Until(deadline) < 10*time.Millisecond
}

// condemn kills a process; watch sees its end and starts another.
func (c *Channel) condemn(process *channel.Process, reason string) {
	c.mu.Lock()
	c.condemned, c.reason = process, reason
	c.mu.Unlock()
	process.Signal()
}

// killed returns why a process was condemned, and forgets it. c.mu is held.
func (c *Channel) killed(process *channel.Process) (string, bool) {
	if c.condemned != process {
		return "", false
	}
	c.condemned = nil
	return c.reason, true
}

func all(messages []Outgoing, outcome lifecycle.Outcome, reason string, after time.Duration) []lifecycle.Receipt {
	receipts := make([]lifecycle.Receipt, len(messages))
	for i := range messages {
		receipts[i] = lifecycle.Receipt{Message: messages[i].ID, Outcome: outcome, Reason: reason, RetryAfter: after}
	}
	return receipts
}
