package engine

import (
	"bytes"
	"context"
	"encoding/binary"
	"time"

	"stagecraft/app/lifecycle"
	"stagecraft/app/store"
)

// Replies are what was answered to requests that carry an Idempotency-Key, so that a repeated one is answered alike and
// does nothing. They are kept for a day at least, and two at most.

const replyAge = 24 * time.Hour

// MaxReply is how many bytes of an answer are kept.
const MaxReply = 256 << 10

// Reply is what was answered, or that it is not known yet.
type Reply struct {
	Sum    lifecycle.ID `msgpack:"s"` // of what was asked for
	Status int          `msgpack:"c"` // 0: nothing was answered yet
	Type   string       `msgpack:"t"`
	Body   []byte       `msgpack:"b"`
	Secret bool         `msgpack:"x"` // the body is not kept: it must not be, is too long, or may tell of somebody who was erased
}

type (
	// beginReply is the input "this is asked for"; the answer is what is known of it from before.
	beginReply struct {
		Mark  lifecycle.ID
		At    time.Time
		Reply Reply
	}
	// keepReply is the input "this was answered"; without a status, that it may be asked for again.
	keepReply struct {
		Mark  lifecycle.ID
		At    time.Time
		Reply Reply
	}
	sweepReplies struct {
		At    time.Time
		From  []byte
		Limit int
	}
)

func replyKey(day uint32, mark lifecycle.ID) []byte {
	return append(binary.BigEndian.AppendUint32([]byte{'Y'}, day), mark[:]...)
}

func replyDay(at time.Time) uint32 { return uint32(at.Unix() / int64(replyAge/time.Second)) }

// BeginReply says that something is asked for. It returns what is known of it from before; nil if it is the first time.
func (e *Engine) BeginReply(ctx context.Context, mark lifecycle.ID, began Reply) (*Reply, error) {
	answer, err := e.store.Do(ctx, mark.Partition(), beginReply{mark, e.clock.Now(), began})
	if err != nil {
		return nil, err
	}
	return answer.(*Reply), nil
}

// KeepReply writes down what was answered; one without a status is forgotten.
func (e *Engine) KeepReply(ctx context.Context, mark lifecycle.ID, reply Reply) error {
	_, err := e.store.Do(ctx, mark.Partition(), keepReply{mark, e.clock.Now(), reply})
	return err
}

func (e *Engine) beginReply(tx store.Tx, in beginReply) (*Reply, error) {
	day := replyDay(in.At)
	for _, key := range [][]byte{replyKey(day, in.Mark), replyKey(day-1, in.Mark)} {
		if data := tx.Get(key); data != nil {
			known := &Reply{}
			if err := store.Decode(data, known); err != nil {
				return nil, lifecycle.Wrap(lifecycle.Internal, err, "what was answered before cannot be read")
			}
			return known, nil
		}
	}
	tx.Set(replyKey(day, in.Mark), store.Encode(&in.Reply))
	return nil, nil
}

func (e *Engine) keepReply(tx store.Tx, in keepReply) {
	day := replyDay(in.At)
	tx.Delete(replyKey(day-1, in.Mark)) // it began before midnight
	if in.Reply.Status == 0 {
		tx.Delete(replyKey(day, in.Mark))
		return
	}
	tx.Set(replyKey(day, in.Mark), store.Encode(&in.Reply))
}

func (e *Engine) applyReplies(tx store.Tx, input any) (any, error) {
	switch in := input.(type) {
	case beginReply:
		return e.beginReply(tx, in)
	case keepReply:
		e.keepReply(tx, in)
	case sweepReplies:
		if in.From == nil {
			in.From = []byte{'Y'}
		}
		return deleteUntil(tx, in.From, replyKey(replyDay(in.At)-1, lifecycle.ID{}), in.Limit), nil
	}
	return nil, nil
}

// Bounds of what one input forgets of answers.
const (
	maxForgetReplies = 500
	maxForgetAnswers = 4 << 20 // bytes that are read
)

// forgetReplies forgets what was answered, which may have told of somebody who is erased. That something was asked for stays
// known: it is not done again. It reports whether there may be more.
func forgetReplies(tx store.Tx) (more bool, err error) {
	type change struct {
		key   []byte
		reply Reply
	}
	var changes []change
	read := 0
	tx.Scan([]byte{'Y'}, []byte{'Y' + 1}, func(key, value []byte) bool {
		var one Reply
		if err = store.Decode(value, &one); err != nil {
			err = lifecycle.Wrap(lifecycle.Internal, err, "what was answered before cannot be read")
			return false
		}
		if read += len(value); len(one.Body) > 0 {
			one.Body, one.Secret = nil, true
			changes = append(changes, change{bytes.Clone(key), one})
		}
		more = len(changes) >= maxForgetReplies || len(changes) > 0 && read >= maxForgetAnswers
		return !more
	})
	for i := range changes {
		tx.Set(changes[i].key, store.Encode(&changes[i].reply))
	}
	return more, err
}

func (e *Engine) sweepReplies(ctx context.Context, p int, now time.Time) error {
	return e.repeatSweep(ctx, p, func(from []byte) any { return sweepReplies{now, from, 500} })
}
