package delivery

import (
	"context"
	"time"

	"stagecraft/app/channels"
	"stagecraft/app/lifecycle"
)

// A connector is given what it answers soon: what it was given cannot be taken back, and is known to have left when it answers.

// Limiter is a connector that may be given only so much at once, or only so fast. Of one that is not, every call is sent.
type Limiter interface {
	// Admit waits until some of at most so many messages may be given to it, or none because ctx has ended. Direct ones do not
	// wait for the others.
	Admit(ctx context.Context, most int, direct bool) *channels.Pass
}

const (
	firstSize = 2               // messages in the first calls of a connector, of which nobody knows yet how fast it is
	answerIn  = 5 * time.Second // a call is as large as what is answered in this time
	promptly  = 250 * time.Millisecond
	slowly    = time.Second
)

// most is how many of n messages a call may have.
func (l *lane) most(n int) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return min(n, l.size)
}

// admit waits until the connector may be given some of so many messages. One sender of a lane asks at a time, so that a lane with
// many of them has no more turns than another. What it waits for the others is part of the wait for its pass.
func (l *lane) admit(ctx context.Context, clock lifecycle.Clock, most int) *channels.Pass {
	limiter, is := l.connector.(Limiter)
	if !is {
		return channels.FreePass(most)
	}
	var stood time.Duration
	select {
	case l.line <- struct{}{}:
	default:
		begun := clock.Now()
		select {
		case l.line <- struct{}{}:
		case <-ctx.Done():
			return channels.FreePass(0)
		}
		stood = clock.Now().Sub(begun)
	}
	defer func() { <-l.line }()
	pass := limiter.Admit(ctx, most, l.direct)
	pass.Waited += stood
	return pass
}

// adapt learns from a call of n messages, which took so long and had waited before, and of which the connector gave some back because
// it could not begin them in time. More batches are under way, and more is claimed
// as it is decided, while both together are short, and less when they are not: what is claimed should leave within seconds. A call gets as many messages as are answered in time. That is felt for: the
// calls that are under way may stand in each other's way, so that one alone says too little. What is given back makes calls as small
// as what was begun, but not less than half: others may have been served before this one.
func (l *lane) adapt(n, back int, rate float64, took, waited time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch delay := took + waited; {
	case delay < promptly:
		l.senders = min(l.senders+1, maxSenders)
		l.room = min(max(2*l.room, maxBatch), maxHanded)
	case delay < slowly:
		l.room = min(l.room+maxBatch, maxHanded)
	case delay < 4*slowly:
		l.senders = max(l.senders/2, minSenders)
		l.room /= 2
	default:
		l.senders = max(l.senders/2, minSenders)
		l.room = 0
	}
	if rate > 0 {
		l.room = min(l.room, int(rate)) // a second's work
	}
	fits, more := int(int64(n)*int64(answerIn)/max(int64(took), 1)), n+max(n/2, 1)
	if took < promptly {
		more = 4 * n
	}
	switch {
	case back > 0:
		l.size = min(l.size, max(n-back, n/2, 1))
	case took > answerIn:
		l.size = max(fits, 1)
	default:
		l.size = min(max(l.size, min(fits, more)), maxBatch)
	}
}

// givenBack counts what a connector could not begin in time, as it was given too much at once.
func givenBack(receipts []lifecycle.Receipt) (n int) {
	for i := range receipts {
		if receipts[i].Untried && receipts[i].RetryAfter == 0 {
			n++
		}
	}
	return n
}

// surplus takes away what was claimed as it was decided and would wait for long at a rate; what remains is some seconds' work.
func (l *lane) surplus(rate float64) []outgoing {
	if rate <= 0 {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	most := int(rate * overtaken.Seconds())
	if len(l.handed) <= most {
		return nil
	}
	surplus := l.handed[most:]
	l.handed = l.handed[:most:most]
	return surplus
}

// putBack has claimed messages that were not handed over wait in the outbox.
func (d *Delivery) putBack(l *lane, batch []outgoing, why string) {
	if len(batch) == 0 {
		return
	}
	l.weigh(-massOf(batch))
	results, now := map[int][]result{}, d.clock.Now()
	for i := range batch {
		out := &batch[i]
		results[out.partition] = append(results[out.partition], result{Message: out.message, AtOnce: out.atOnce, Attempt: out.Attempt, At: now,
			Receipt: lifecycle.Receipt{Message: out.ID, Outcome: lifecycle.OutcomeTemporary, Reason: why, Untried: true}})
	}
	d.settler.add(results)
}
