package delivery

import (
	"context"
	"time"

	"stagecraft/app/lifecycle"
	"stagecraft/app/store"
)

// What is in doubt, or lies with a connector, stays the message of whoever it was decided for, though they have become part of
// another customer: the connector knows it by its reference. Whether it may leave is for that customer's record to say, which
// is in another partition as a rule. It is asked as the last thing before the message leaves, and nothing is stored of it: a
// program that dies in between asks again.

// maxHeirs is how many customers are asked one after the other, each of whom has become part of the next one.
const maxHeirs = 64

// heirPause is for how long a message waits whose heir could not say anything yet, as a share of its age.
const heirPause = 16

const (
	becauseHeirErased   = "the customer they became was erased"
	becauseHeirMerging  = "it is being found out what the customer they became has refused"
	becauseHeirUnasked  = "the customer they became could not be asked"
	becauseHeirBeyondUs = "it cannot be found out whom they became"
)

// askHeir is the input "this was decided for somebody who has become part of you; may it leave?" It changes nothing. It is no
// question to the store, because what was accepted before it counts.
type askHeir struct {
	Customer lifecycle.ID // who is asked; at first whoever it was decided for
	From     lifecycle.ID // who is the last on the way here with whom all is that was known of those before them; at first the same
	Message  *lifecycle.Message
	To       string // the address; empty: nobody knows where it was sent, and theirs is meant
	At       time.Time
}

// heirSays is the answer.
type heirSays struct {
	Next, From lifecycle.ID // they have become part of this one, who is to be asked instead; zero: Verdict is the answer
	Verdict    verdict
	Wait       string // what it has to wait for, for people; empty: nothing
}

func (d *Delivery) askHeir(tx store.Tx, in askHeir) (heirSays, error) {
	if in.Customer != in.Message.Customer && d.heirs.Erased(tx, in.Customer, in.Message.Decided) {
		return heirSays{Verdict: drop(becauseHeirErased)}, nil
	}
	taken := in.From == in.Customer || d.heirs.Adopted(tx, in.Customer, in.From)
	if taken {
		in.From = in.Customer
	}
	data := tx.Get(append([]byte{'c'}, in.Customer[:]...))
	if data == nil {
		leads := tx.Get(append([]byte{'i'}, in.Customer[:]...))
		switch {
		case len(leads) == len(in.Customer):
			return heirSays{Next: lifecycle.ID(leads), From: in.From}, nil
		case !taken:
			return heirSays{Wait: becauseHeirMerging}, nil
		}
		return heirSays{Verdict: drop(becauseHeirErased)}, nil
	}
	if !taken {
		return heirSays{Wait: becauseHeirMerging}, nil
	}
	customer := &lifecycle.Customer{}
	if err := store.Decode(data, customer); err != nil {
		return heirSays{}, lifecycle.Wrap(lifecycle.Internal, err, "the customer's record cannot be read")
	}
	if in.To == "" {
		in.To = d.question(in.Message, customer, nil, in.At).to
	}
	v := d.judge(tx, question{message: in.Message, customer: customer, to: in.To, again: true, at: in.At})
	if v.state == lifecycle.Queued && !v.passes() {
		return heirSays{Wait: v.reason}, nil
	}
	return heirSays{Verdict: v}, nil
}

// heirsSay asks whoever the customers of messages have become, and returns what is said of each. One about which nobody can
// be asked waits.
func (d *Delivery) heirsSay(ctx context.Context, asks []askHeir) []heirSays {
	says := make([]heirSays, len(asks))
	open := make([]int, len(asks))
	for i := range open {
		open[i] = i
	}
	for range maxHeirs {
		items := make([]store.Item, len(open))
		for n, i := range open {
			items[n] = store.Item{Partition: asks[i].Customer.Partition(), Input: asks[i]}
		}
		var further []int
		for n, answer := range d.store.DoAll(ctx, items) {
			i := open[n]
			if answer.Err != nil {
				says[i] = heirSays{Wait: becauseHeirUnasked + ": " + answer.Err.Error()}
				continue
			}
			said := answer.Answer.(heirSays)
			if says[i] = said; !said.Next.IsZero() {
				asks[i].Customer, asks[i].From = said.Next, said.From
				further = append(further, i)
			}
		}
		if open = further; len(open) == 0 {
			return says
		}
	}
	for _, i := range open {
		says[i] = heirSays{Wait: becauseHeirBeyondUs}
	}
	return says
}

// askedAgain makes of what a lastCall asked back the one that says so.
func (d *Delivery) askedAgain(ctx context.Context, k *keeper, asks []askHeir, now time.Time) store.Item {
	in := lastCall{Channel: k.channel, At: now, Heirs: make(map[lifecycle.ID]heirSays, len(asks))}
	for _, ask := range asks {
		in.Messages = append(in.Messages, ask.Message.Ref())
	}
	partition := in.Messages[0].Partition
	for i, said := range d.heirsSay(ctx, asks) {
		in.Heirs[in.Messages[i].ID] = said
	}
	return store.Item{Partition: partition, Input: in}
}

// heirsLet returns those of a claimed batch that whoever their customers have become lets leave. Nearly always nobody is asked.
// What is in doubt for as long as it would be held, and is still to wait, waits no longer: what it waits for may never come.
func (d *Delivery) heirsLet(ctx context.Context, batch []outgoing, now time.Time) []outgoing {
	var asks []askHeir
	for i := range batch {
		if out := &batch[i]; !out.heir.IsZero() {
			m := out.message
			asks = append(asks, askHeir{Customer: m.Customer, From: m.Customer, Message: m, To: out.Rendered.To, At: now})
		}
	}
	if len(asks) == 0 {
		return batch
	}
	says := d.heirsSay(ctx, asks)
	results := map[int][]result{}
	var leaving []outgoing
	for i := range batch {
		out := &batch[i]
		if out.heir.IsZero() {
			leaving = append(leaving, *out)
			continue
		}
		said := says[0]
		says = says[1:]
		r := result{Message: out.message, AtOnce: out.atOnce, Attempt: out.Attempt, At: now, Kept: said.Verdict}
		switch {
		case said.Wait != "" && now.Sub(out.heir) >= heldLife:
			r.Kept = verdict{state: lifecycle.Expired, reason: said.Wait}
		case said.Wait != "":
			r.Kept = verdict{}
			r.Receipt = lifecycle.Receipt{Message: out.ID, Outcome: lifecycle.OutcomeTemporary, Untried: true, Reason: said.Wait,
				RetryAfter: min(max(now.Sub(out.message.Decided)/heirPause, minUntried), time.Hour)}
		case said.Verdict.passes():
			leaving = append(leaving, *out)
			continue
		}
		results[out.partition] = append(results[out.partition], r)
	}
	if len(results) > 0 {
		d.settler.add(results)
	}
	return leaving
}
