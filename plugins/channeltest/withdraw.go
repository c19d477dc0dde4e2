package channeltest

import (
	"context"
	"slices"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"stagecraft/plugins/channel"
)

// withdrawals are taken back for good, over restarts, and others are not touched.
func (s *suite) withdrawals(t *testing.T) {
	process, description := s.configured(t)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if !description.Withdraws {
		if _, err := process.Waiting(ctx); status.Code(err) != codes.Unimplemented {
			t.Errorf("Waiting, which is not declared: %v, expected UNIMPLEMENTED", err)
		}
		if _, err := process.Withdraw(ctx, []string{"00"}, false); status.Code(err) != codes.Unimplemented {
			t.Errorf("Withdraw, which is not declared: %v, expected UNIMPLEMENTED", err)
		}
		return
	}
	messages := s.messages(4)
	back, forgotten, stays, never := messages[0], messages[1], messages[2], messages[3]
	accepted(t, s.send(t, process, messages[:3]))
	withdraw := func(process *channel.Process, forget bool, messages ...channel.Message) (fates []channel.Fate) {
		t.Helper()
		var ids []string
		for _, m := range messages {
			ids = append(ids, m.ID)
		}
		answers, err := process.Withdraw(ctx, ids, forget)
		if err != nil || len(answers) != len(ids) {
			t.Fatalf("Withdraw: %d answers for %d messages, %v", len(answers), len(ids), err)
		}
		for i, answer := range answers {
			if answer.ID != ids[i] {
				t.Fatalf("answer %d is about %q, not about %q", i, answer.ID, ids[i])
			}
			fates = append(fates, answer.Fate)
		}
		return fates
	}
	expect := func(what string, got []channel.Fate, want ...channel.Fate) {
		t.Helper()
		if !slices.Equal(got, want) {
			t.Errorf("%s: %v, expected %v", what, got, want)
		}
	}
	expect("an accepted one and one that was never sent", withdraw(process, false, back, never), channel.Withdrawn, channel.Unknown)
	expect("the same again", withdraw(process, false, back), channel.Withdrawn)
	expect("one that is forgotten", withdraw(process, true, forgotten), channel.Withdrawn)
	if fates := withdraw(process, true, forgotten); fates[0] != channel.Withdrawn && fates[0] != channel.Unknown {
		t.Errorf("forgotten again: %v", fates)
	}
	process.Kill()

	restarted, _ := s.configured(t)
	expect("after a restart", withdraw(restarted, false, back), channel.Withdrawn)
	if r := s.send(t, restarted, []channel.Message{back}); r[0].Outcome != channel.Permanent {
		t.Errorf("a withdrawn message that is sent again is %s, expected to be refused for good", r[0].Outcome)
	}
	accepted(t, s.send(t, restarted, []channel.Message{stays})) // it is still there, and once
	waiting, err := restarted.Waiting(ctx)
	if err != nil || len(waiting) > channel.MaxNamed || slices.Contains(waiting, back.ID) || slices.Contains(waiting, forgotten.ID) {
		t.Errorf("%d messages wait, withdrawn ones among them: %v, %v", len(waiting), slices.Contains(waiting, back.ID), err)
	}
	if err := restarted.Release(ctx, []string{never.ID}); err != nil {
		t.Errorf("Release of a message that is not known: %v", err)
	}
	if _, err := restarted.Withdraw(ctx, make([]string, channel.MaxNamed+1), false); status.Code(err) != codes.InvalidArgument {
		t.Errorf("more than %d messages: %v, expected INVALID_ARGUMENT", channel.MaxNamed, err)
	}
	if s.delivered == nil {
		return
	}
	for _, m := range []channel.Message{back, forgotten} {
		if n := s.delivered(t, m.ID); n != 0 {
			t.Errorf("the withdrawn message %s left %d times", m.ID, n)
		}
	}
	if n := s.delivered(t, stays.ID); n > 1 {
		t.Errorf("message %s left %d times", stays.ID, n)
	}
}
