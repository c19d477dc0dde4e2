package engine

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"stagecraft/app/lifecycle"
	"stagecraft/app/script"
)

// What is wrong with a broadcast beyond its own form: names that stand for nothing, and messages that some would not get.

// checkNames refuses what a broadcast names and what is not there: journeys, stages, segments and channels.
func (e *Engine) checkNames(ctx context.Context, b *Broadcast, program *script.Program) error {
	if b.Audience.Journey != "" {
		if err := e.checkVisitors(ctx, &b.Audience); err != nil {
			return err
		}
	}
	if b.Audience.Segment != "" {
		if err := e.checkSegment(ctx, b.Audience.Segment); err != nil {
			return err
		}
	}
	if e.judge == nil {
		return nil
	}
	known := e.judge.Channels()
	for i := range program.Templates {
		t := &program.Templates[i]
		if lifecycle.IsOwnChannel(t.Channel) || slices.Contains(known, t.Channel) {
			continue
		}
		at := slices.IndexFunc(b.Parts, func(p BroadcastPart) bool { return p.Name == t.Name })
		err := inField(fmt.Sprintf("parts.%d.texts", max(at, 0)), "%.80q is no channel here", t.Channel)
		err.Hint = "these are set up: " + strings.Join(known, ", ")
		return err
	}
	return nil
}

func (e *Engine) checkVisitors(ctx context.Context, a *Audience) error {
	states, err := e.States(ctx)
	if err != nil {
		return err
	}
	at := slices.IndexFunc(states, func(s JourneyState) bool { return s.Name == a.Journey })
	if at < 0 {
		return inField("audience.journey", "there is no journey %.80q", a.Journey)
	}
	if program, ok := e.Program(states[at].Version); ok && a.Stage != "" && program.Journey.Stage(a.Stage) == nil {
		return inField("audience.stage", "journey %s has no stage %.80q", a.Journey, a.Stage)
	}
	return nil
}

// checkSegment refuses a segment that is not at work, and one that fails and has nobody in it.
func (e *Engine) checkSegment(ctx context.Context, name string) error {
	state, err := e.Segments(ctx)
	if err != nil {
		return err
	}
	at := slices.IndexFunc(state.Segments, func(s SegmentState) bool { return s.Name == name })
	if at < 0 {
		wrong := inField("audience.segment", "there is no segment %.80q at work", name)
		wrong.Hint = "its script is missing or broken; stagecraft segments lists those that are at work, and what is wrong with others"
		return wrong
	}
	segment := &state.Segments[at]
	if failure := segment.Failure; failure != nil && segment.Members == 0 && failure.At.After(state.Published) {
		wrong := inField("audience.segment", "segment %s has nobody in it because its script fails: %s", name, failure.Message)
		wrong.File, wrong.Line, wrong.Hint = failure.File, failure.Line, failure.Hint
		return wrong
	}
	return nil
}

// BroadcastDoubts says what may go wrong with the messages of a draft, by file and line. Missing is what not everybody has who
// is meant, and what stops their message: such a broadcast cannot be started.
func (e *Engine) BroadcastDoubts(ctx context.Context, b *Broadcast) (missing, others []*lifecycle.Error, err error) {
	program, err := e.BroadcastProgram(ctx, b)
	if err != nil {
		return nil, nil, err
	}
	missing, others = e.doubts(b, program)
	return missing, others, nil
}

func (e *Engine) doubts(b *Broadcast, program *script.Program) (missing, others []*lifecycle.Error) {
	if e.judge == nil {
		return nil, nil
	}
	for i := range program.Templates {
		t := program.Templates[i]
		at := slices.IndexFunc(b.Parts, func(p BroadcastPart) bool { return p.Name == t.Name })
		if at < 0 {
			continue
		}
		if subject := b.Parts[at].Subject; subject != "" {
			t.Front = maps.Clone(t.Front)
			t.Front["subject"] = subject
		}
		less, other := e.judge.Doubts(t, b.Audience.has)
		missing, others = append(missing, less...), append(others, other...)
	}
	return missing, others
}

// has reports whether everybody who is meant has a variable: a trait that they are chosen by, or what the rows of the
// list say, which nobody knows before they are there.
func (a *Audience) has(variable string) bool {
	if a.List && strings.HasPrefix(variable, "event.properties") {
		return true
	}
	trait, is := strings.CutPrefix(variable, "customer.")
	return is && slices.ContainsFunc(a.Where, func(c Condition) bool {
		return c.Trait == trait && c.Is != Unknown && c.Is != NotEqual
	})
}
