package engine

import (
	"bytes"
	"context"
	"time"

	"stagecraft/app/lifecycle"
	"stagecraft/app/store"
)

// instruction is work that one partition leaves for another: durable in the same commit as its cause, delivered at
// least once, and harmless when repeated. Exactly one field is set.
type instruction struct {
	Receive  *Receive      `msgpack:"r,omitempty"`
	Link     *link         `msgpack:"l,omitempty"`
	Adopt    *adopt        `msgpack:"a,omitempty"`
	Move     *moveTimeline `msgpack:"m,omitempty"`
	LetIn    *letIn        `msgpack:"b,omitempty"`
	Referred *referred     `msgpack:"g,omitempty"`
	Change   *change       `msgpack:"c,omitempty"`
	Ban      *ban          `msgpack:"x,omitempty"`
	Inherit  *inherit      `msgpack:"h,omitempty"`
	Forget   *forget       `msgpack:"z,omitempty"`
}

func (i instruction) item() store.Item {
	switch {
	case i.Receive != nil:
		return store.Item{Partition: i.Receive.Target.Partition(), Input: *i.Receive}
	case i.Link != nil:
		return store.Item{Partition: i.Link.partition(), Input: *i.Link}
	case i.Adopt != nil:
		return store.Item{Partition: i.Adopt.Customer.Partition(), Input: *i.Adopt}
	case i.Change != nil:
		return store.Item{Partition: i.Change.Change.Customer.Partition(), Input: *i.Change}
	case i.Referred != nil:
		return store.Item{Partition: i.Referred.Referrer.Partition(), Input: *i.Referred}
	case i.Ban != nil:
		return store.Item{Partition: i.Ban.partition(), Input: *i.Ban}
	case i.Inherit != nil:
		return store.Item{Partition: i.Inherit.Customer.Partition(), Input: *i.Inherit}
	case i.Forget != nil:
		return store.Item{Partition: i.Forget.partition(), Input: *i.Forget}
	case i.LetIn != nil:
		return store.Item{Partition: i.LetIn.Customer.Partition(), Input: *i.LetIn}
	default:
		return store.Item{Partition: i.Move.From.Partition(), Input: *i.Move}
	}
}

// instruct leaves an instruction. n tells those of one cause apart. What is passed on from partition to partition may come
// back to one that has not yet done with it: it stands beside the first then, and is not gone with it.
func (e *Engine) instruct(tx store.Tx, at time.Time, cause lifecycle.ID, n byte, in instruction) {
	key, value := instructionKey(at, cause, n), store.Encode(&in)
	for tx.Has(key) && !bytes.Equal(tx.Get(key), value) {
		cause = lifecycle.HashID("beside", cause.Part())
		key = instructionKey(at, cause, n)
	}
	tx.Set(key, value)
	e.hint(tx, time.Unix(0, 0))
}

// done is the input "these instructions were carried out, and those were refused". What was refused is kept, where it
// is not tried again: somebody was told that it is safe.
type done struct {
	Keys    [][]byte
	Refused [][]byte
	Answers []*finding // that came of them
}

// maxDone bounds how many instructions are done with in one input, which may write as many customers.
const maxDone = 32

func (e *Engine) done(tx store.Tx, in done) error {
	for _, a := range in.Answers {
		if err := e.answered(tx, a); err != nil { // it must not block those behind it
			e.log.Error("an answer about an address cannot be taken", "error", err)
		}
	}
	for _, key := range in.Keys {
		tx.Delete(key)
	}
	for _, key := range in.Refused {
		if value := tx.Get(key); value != nil {
			tx.Set(append([]byte{'F'}, key[1:]...), value)
			tx.Delete(key)
			e.askStill(tx, value)
		}
	}
	return nil
}

type instructions struct{ Limit int }

type instructionsAnswer struct {
	Keys         [][]byte
	Instructions []instruction
	Broken       [][]byte // keys of those that cannot be read
}

func (e *Engine) instructions(tx store.Reader, q instructions) instructionsAnswer {
	var answer instructionsAnswer
	prefix := []byte{'f'}
	tx.Scan(prefix, store.PrefixEnd(prefix), func(key, value []byte) bool {
		var in instruction
		if err := store.Decode(value, &in); err != nil {
			e.log.Error("an instruction cannot be read and is set aside", "error", err)
			answer.Broken = append(answer.Broken, bytes.Clone(key))
			return len(answer.Broken) < q.Limit
		}
		answer.Keys = append(answer.Keys, bytes.Clone(key))
		answer.Instructions = append(answer.Instructions, in)
		return len(answer.Keys) < q.Limit
	})
	return answer
}

// instructedUntil asks whether an instruction of a moment, or of one before, is still to be carried out.
type instructedUntil struct{ At time.Time }

func (e *Engine) instructedUntil(tx store.Reader, q instructedUntil) bool {
	pending := false
	prefix := []byte{'f'}
	tx.Scan(prefix, store.PrefixEnd(prefix), func(key, _ []byte) bool {
		pending = !store.KeyTime(key[1:9]).After(q.At)
		return false
	})
	return pending
}

// instructionsUntil asks all partitions, twice: an instruction may leave another one in a partition that was just asked.
func (e *Engine) instructionsUntil(ctx context.Context, at time.Time) (bool, error) {
	for p := range 2 * lifecycle.Partitions {
		answer, err := e.store.Ask(ctx, p%lifecycle.Partitions, instructedUntil{at})
		if err != nil || answer.(bool) {
			return true, err
		}
	}
	return false, nil
}

// deliverInstructions carries out what a partition has left for others.
func (e *Engine) deliverInstructions(ctx context.Context, p int, _ time.Time) (bool, error) {
	answer, err := e.store.Ask(ctx, p, instructions{256})
	if err != nil {
		return false, err
	}
	pending := answer.(instructionsAnswer)
	if len(pending.Keys)+len(pending.Broken) == 0 {
		return false, nil
	}
	items := make([]store.Item, len(pending.Keys))
	for i, in := range pending.Instructions {
		items[i] = in.item()
	}
	finished := []done{{Refused: pending.Broken}}
	for i, result := range e.store.DoAll(ctx, items) {
		code := lifecycle.CodeOf(result.Err)
		if code == lifecycle.NotFound && e.isErased(ctx, pending.Instructions[i].target()) {
			code = "" // it came too late for them
		}
		last := &finished[len(finished)-1]
		if len(last.Keys) == maxDone {
			finished = append(finished, done{})
			last = &finished[len(finished)-1]
		}
		switch code {
		case "":
			last.Keys = append(last.Keys, pending.Keys[i])
			if a, _ := result.Answer.(*finding); a != nil {
				last.Answers = append(last.Answers, a)
			}
		case lifecycle.Invalid, lifecycle.TooLarge, lifecycle.Conflict, lifecycle.NotFound, lifecycle.Internal:
			// It will never succeed; keeping it would block those behind it.
			e.log.Error("an instruction was refused and is set aside", "partition", p, "error", result.Err)
			last.Refused = append(last.Refused, pending.Keys[i])
		default:
			err = result.Err
		}
	}
	for _, part := range finished {
		if len(part.Keys)+len(part.Refused) > 0 {
			if _, e := e.store.Do(ctx, p, part); e != nil {
				return false, e
			}
		}
	}
	return true, err
}
