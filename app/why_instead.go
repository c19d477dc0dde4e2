package app

import (
	"context"
	"fmt"
	"strings"

	"stagecraft/app/delivery"
	"stagecraft/app/lifecycle"
)

// maxInstead is how many messages that were sent instead of one are followed: there are no more channels of a message.
const maxInstead = 8

// instead returns the lives of those that were sent instead of a message that failed, one after the other, each by another
// channel. The timeline tells of the first message only.
func (x *explaining) instead(ctx context.Context, life delivery.Life) (lives []delivery.Life, err error) {
	for ref := insteadRef(life); ref != "" && len(lives) < maxInstead; ref = insteadRef(life) {
		if life, err = x.delivery.LifeOf(ctx, ref); lifecycle.CodeOf(err) == lifecycle.NotFound {
			return lives, nil
		}
		if err != nil {
			return nil, err
		}
		lives = append(lives, life)
	}
	return lives, nil
}

func insteadRef(life delivery.Life) string {
	for _, s := range life.Steps {
		if s.Kind == delivery.StepFallback {
			return s.Ref
		}
	}
	return ""
}

// outcomes says what became of a message that was tried by several channels.
func outcomes(lives []delivery.Life) string {
	if len(lives) == 1 {
		return outcome(lives[0].State, lives[0].Reason)
	}
	var tried []string
	for _, life := range lives[:len(lives)-1] {
		tried = append(tried, fmt.Sprintf("by %s (%s)", life.Channel, told(life.State, life.Reason)))
	}
	last := lives[len(lives)-1]
	return "it was not sent " + strings.Join(tried, ", nor ") + "; instead it goes by " + last.Channel + ": " + outcome(last.State, last.Reason)
}

// named returns the message of the timeline that a reference of the ledger is about: it, or one that was sent instead of it; false
// if it is none of this customer's.
func (x *explaining) named(ctx context.Context, ref string) (lifecycle.ID, bool, error) {
	if _, err := delivery.RefPartition(ref); err != nil {
		return lifecycle.ID{}, false, nil
	}
	life, err := x.delivery.LifeOf(ctx, ref)
	if err != nil {
		if lifecycle.CodeOf(err) == lifecycle.NotFound {
			err = nil
		}
		return lifecycle.ID{}, false, err
	}
	_, theirs := x.messages[life.First()]
	return life.First(), theirs, nil
}
