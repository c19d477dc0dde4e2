package channels

import (
	"strconv"
	"strings"

	"stagecraft/app/lifecycle"
	"stagecraft/plugins/channel"
)

// match gives each message the receipt that the connector gave it. A message that has none, several, or one that says
// nothing known is in doubt; wrong counts them.
func match(messages []Outgoing, wire []channel.Message, answers []channel.Receipt) (receipts []lifecycle.Receipt, wrong int) {
	answer := func(i int) (channel.Receipt, bool) { return answers[i], true }
	if !inOrder(wire, answers) {
		times := make(map[string]int, len(answers))
		byID := make(map[string]channel.Receipt, len(answers))
		for _, r := range answers {
			times[r.ID]++
			byID[r.ID] = r
		}
		answer = func(i int) (channel.Receipt, bool) { return byID[wire[i].ID], times[wire[i].ID] == 1 }
	}
	receipts = make([]lifecycle.Receipt, len(messages))
	for i := range messages {
		receipts[i] = lifecycle.Receipt{Message: messages[i].ID, Outcome: lifecycle.OutcomeInDoubt, Reason: "the connector gave no receipt that can be trusted"}
		r, ok := answer(i)
		outcome := outcomeOf(r.Outcome)
		if !ok || outcome == "" {
			wrong++
			continue
		}
		if receipts[i].Outcome, receipts[i].Reason = outcome, bounded(r.Reason); receipts[i].Reason == "" && outcome != lifecycle.OutcomeAccepted {
			receipts[i].Reason = "the connector gave no reason"
		}
		receipts[i].Reply = replyOf(r.Data)
		if outcome == lifecycle.OutcomePermanent {
			receipts[i].Refused = r.Data[channel.FactUnsubscribed] != "" || r.Data[channel.FactGone] != ""
		}
		if outcome == lifecycle.OutcomeTemporary {
			receipts[i].RetryAfter = r.RetryAfter
			receipts[i].Untried, receipts[i].Pause = r.Data[channel.FactUntried] != "", bounded(r.Data[channel.FactPause])
		}
	}
	return receipts, wrong
}

// maxAnswer is how much of the other side's words is kept, in bytes.
const maxAnswer = 1 << 10

// replyOf reads what a receipt's facts say about the answer of the other side; nil if they say nothing.
func replyOf(data map[string]string) *lifecycle.Reply {
	if len(data) == 0 {
		return nil
	}
	took, timed := data[channel.FactTook]
	if !timed {
		return nil
	}
	answer := &lifecycle.Reply{Text: data[channel.FactAnswer]}
	answer.Took, _ = strconv.Atoi(took)
	answer.Status, _ = strconv.Atoi(data[channel.FactStatus])
	if len(answer.Text) > maxAnswer {
		answer.Text = strings.ToValidUTF8(answer.Text[:maxAnswer], "") + "…"
	}
	return answer
}

func inOrder(wire []channel.Message, answers []channel.Receipt) bool {
	if len(wire) != len(answers) {
		return false
	}
	for i := range wire {
		if wire[i].ID != answers[i].ID {
			return false
		}
	}
	return true
}

func outcomeOf(o channel.Outcome) lifecycle.Outcome {
	switch o {
	case channel.Accepted:
		return lifecycle.OutcomeAccepted
	case channel.Temporary:
		return lifecycle.OutcomeTemporary
	case channel.Permanent:
		return lifecycle.OutcomePermanent
	case channel.InDoubt:
		return lifecycle.OutcomeInDoubt
	}
	return ""
}

// bounded cuts what a connector says: it is kept with the message for good.
func bounded(reason string) string {
	if len(reason) <= channel.MaxReasonBytes {
		return reason
	}
	return strings.ToValidUTF8(reason[:channel.MaxReasonBytes], "") + "…"
}
