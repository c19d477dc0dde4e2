package engine

import (
	"context"
	"encoding/binary"
	"time"

	"stagecraft/app/lifecycle"
	"stagecraft/app/store"
)

// A provider that does not repeat our ID tells of a message by the ID that it gave it. So what a connector's receipt says of that
// is kept: under a hash of the channel and the provider's ID, in the partition of the hash, for 30 to 40 days. A customer who was
// erased is not found through it any more, because the message is gone; and the hash goes by itself.

// Reference is what a provider calls a message.
type Reference struct {
	Channel string
	Name    string // the provider's
	Message lifecycle.Ref
}

// referenceAge is how long references are kept at least: they lie in epochs of a third of it, of which the current one and
// those before it are looked at.
const (
	referenceAge    = 30 * 24 * time.Hour
	referenceParts  = 3
	referenceBefore = time.Minute // what was opened so long before its message was handed over was another message
)

type (
	// keepReference is the input "the provider calls this message so".
	keepReference struct {
		Name    lifecycle.ID
		Message lifecycle.Ref
		At      time.Time
	}
	// referenceOf asks for the message of a reference; nil: none is known.
	referenceOf struct {
		Name lifecycle.ID
		At   time.Time
	}
	sweepReferences struct {
		At    time.Time
		From  []byte
		Limit int
	}
	// keptReference is the record.
	keptReference struct {
		Message lifecycle.Ref `msgpack:"m"`
		At      time.Time     `msgpack:"a"` // when the receipt came
	}
)

func referenceEpoch(at time.Time) uint32 {
	return uint32(at.Unix() / int64(referenceAge/referenceParts/time.Second))
}

func referenceKey(epoch uint32, name lifecycle.ID) []byte {
	return append(binary.BigEndian.AppendUint32([]byte{'X'}, epoch), name[:]...)
}

func referenceName(channel, name string) lifecycle.ID {
	return lifecycle.HashID("reference", channel, name)
}

// Refer keeps what providers call messages, and returns when that is on disk. What cannot be kept is logged: reports that name
// such a message will not be understood.
func (e *Engine) Refer(ctx context.Context, references []Reference) {
	now := e.clock.Now()
	items := make([]store.Item, len(references))
	for i, r := range references {
		name := referenceName(r.Channel, r.Name)
		items[i] = store.Item{Partition: name.Partition(), Input: keepReference{name, r.Message, now}}
	}
	for i, result := range e.store.DoAll(context.WithoutCancel(ctx), items) {
		if result.Err != nil {
			e.log.Warn("what a provider calls a message could not be kept; its reports will not be understood",
				"channel", references[i].Channel, "message", references[i].Message.ID, "error", result.Err)
		}
	}
}

// resolve puts the message to a report that names it by a reference.
func (e *Engine) resolve(ctx context.Context, r *Report) {
	if !r.Message.IsZero() || r.Reference == "" {
		return
	}
	name := referenceName(r.Channel, r.Reference)
	var answer any
	err := insist(ctx, func(ctx context.Context) (err error) {
		answer, err = e.store.Ask(ctx, name.Partition(), referenceOf{name, e.clock.Now()})
		return err
	})
	if err != nil {
		e.log.Warn("which message a report is about could not be found out", "channel", r.Channel, "error", err)
		return
	}
	known := answer.(*keptReference)
	switch {
	case known == nil:
		e.log.Debug("a report was about a message that is not known", "channel", r.Channel)
	case r.Event == string(lifecycle.Opened) && !r.At.IsZero() && r.At.Before(known.At.Add(-referenceBefore)):
	default:
		r.Message = known.Message
	}
}

func (e *Engine) applyReferences(tx store.Tx, input any) (any, error) {
	switch in := input.(type) {
	case keepReference:
		tx.Set(referenceKey(referenceEpoch(in.At), in.Name), store.Encode(&keptReference{in.Message, in.At}))
	case sweepReferences:
		if in.From == nil {
			in.From = []byte{'X'}
		}
		until := referenceKey(max(referenceParts, referenceEpoch(in.At))-referenceParts, lifecycle.ID{})
		return deleteUntil(tx, in.From, until, in.Limit), nil
	}
	return nil, nil
}

func (e *Engine) reference(tx store.Reader, q referenceOf) (*keptReference, error) {
	current := referenceEpoch(q.At)
	for epoch := current; epoch+referenceParts >= current; epoch-- {
		if data := tx.Get(referenceKey(epoch, q.Name)); data != nil {
			known := &keptReference{}
			if err := store.Decode(data, known); err != nil {
				return nil, lifecycle.Wrap(lifecycle.Internal, err, "what a provider calls a message cannot be read")
			}
			return known, nil
		}
		if epoch == 0 {
			break
		}
	}
	return nil, nil
}

func (e *Engine) sweepReferences(ctx context.Context, p int, now time.Time) error {
	return e.repeatSweep(ctx, p, func(from []byte) any { return sweepReferences{now, from, 500} })
}
