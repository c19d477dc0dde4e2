package engine

import (
	"bytes"
	"context"
	"time"

	"stagecraft/app/lifecycle"
	"stagecraft/app/store"
)

// Keys of broadcasts:
//
//	G name             -> Broadcast, in the first partition
//	B name             -> broadcastShare
//	L name, 0, customer -> what the list says of a customer, JSON or nothing
func broadcastKey(name string) []byte { return append([]byte{'G'}, name...) }

func shareKey(name string) []byte { return append([]byte{'B'}, name...) }

func listPrefix(name string) []byte { return append(append([]byte{'L'}, name...), 0) }

func listKey(name string, customer lifecycle.ID) []byte {
	return append(listPrefix(name), customer[:]...)
}

// After the last customer of a partition was let in, runs may wait for the morning of a zone, and a message may wait for three days:
// if its customer becomes part of another one meanwhile, that one is let in instead (insteadGrace). So the journey stays at work
// for longer (broadcastGrace): that one may be of a partition that was done before, and customers may be on their way.
const (
	insteadGrace   = 73 * time.Hour
	broadcastGrace = insteadGrace + 48*time.Hour
)

// broadcastShare is what a partition keeps of a broadcast, and how far it has come.
type broadcastShare struct {
	Name     string         `msgpack:"n"`
	Version  string         `msgpack:"v"`
	State    BroadcastState `msgpack:"s"`
	Audience Audience       `msgpack:"a"`
	Rate     int            `msgpack:"r"`
	Cursor   lifecycle.ID   `msgpack:"c"` // everybody before it was looked at
	Next     time.Time      `msgpack:"x"` // before it nobody is let in
	Ready    bool           `msgpack:"y"` // the customer at Cursor is meant
	Done     time.Time      `msgpack:"d"` // when nobody was left; zero: not yet
	Over     bool           `msgpack:"o"` // nothing of it is at work any more
	Dropped  bool           `msgpack:"p"` // it is to be forgotten
	Started  time.Time      `msgpack:"t"`
	Offers   topics         `msgpack:"f"` // what its marketing is about
	Listed   int64          `msgpack:"l"`
	Let      int64          `msgpack:"e"`           // let in
	Had      int64          `msgpack:"h,omitempty"` // had it already, with somebody who became part of them
	Merged   int64          `msgpack:"m,omitempty"` // of the list: part of somebody else by now, who is let in instead
	Gone     int64          `msgpack:"g"`           // of the list: not there any more, or test people
}

// atWork reports whether runs of it go on.
func (b *broadcastShare) atWork() bool {
	return (b.State == BroadcastRunning || b.State == BroadcastPaused) && !b.Over
}

// letting reports whether customers are let in.
func (b *broadcastShare) letting() bool {
	return b.State == BroadcastRunning && b.Done.IsZero() && !b.Dropped
}

// due is when something is to be done about it next; false: nothing, until somebody says so.
func (b *broadcastShare) due() (time.Time, bool) {
	switch {
	case b.Dropped:
		return time.Time{}, true
	case b.Over, b.State == BroadcastDraft:
		return time.Time{}, false
	case b.State == BroadcastStopped:
		return time.Time{}, true
	case !b.Done.IsZero():
		return b.Done.Add(broadcastGrace), true
	}
	return b.Next, b.State == BroadcastRunning
}

func readShare(tx store.Reader, name string) (*broadcastShare, error) {
	data := tx.Get(shareKey(name))
	if data == nil {
		return nil, nil
	}
	b := &broadcastShare{}
	if err := store.Decode(data, b); err != nil {
		return nil, lifecycle.Wrap(lifecycle.Internal, err, "broadcast %s cannot be read", name)
	}
	return b, nil
}

func (e *Engine) writeShare(tx store.Tx, b *broadcastShare) {
	tx.Set(shareKey(b.Name), store.Encode(b))
	e.rouse(tx)
}

// rouse lets the owner look for broadcasts that have something to do.
func (e *Engine) rouse(tx store.Tx) {
	part := &e.parts[tx.Partition()]
	tx.After(func() { part.casting.Store(true) })
	e.hint(tx, time.Unix(0, 0))
}

// shares visits what a partition keeps of all broadcasts.
func shares(tx store.Reader, visit func(b *broadcastShare)) error {
	var failed error
	prefix := []byte{'B'}
	tx.Scan(prefix, store.PrefixEnd(prefix), func(key, value []byte) bool {
		b := &broadcastShare{}
		if failed = store.Decode(value, b); failed != nil {
			failed = lifecycle.Wrap(lifecycle.Internal, failed, "broadcast %s cannot be read", key[1:])
			return false
		}
		visit(b)
		return true
	})
	return failed
}

// broadcastJourneys compiles the journeys of the broadcasts that are at work in a partition. One that cannot be compiled is
// left out: it must not stand in the way of everything else.
func (e *Engine) broadcastJourneys(tx store.Tx) (map[string]*journey, error) {
	var at map[string]*journey
	err := shares(tx, func(b *broadcastShare) {
		if !b.atWork() {
			return
		}
		program, err := e.program(tx, b.Version)
		if err != nil {
			e.log.Error("the journey of a broadcast cannot be used", "broadcast", b.Name, "partition", tx.Partition(), "error", err)
			return
		}
		j := newJourney(lifecycle.BroadcastPrefix+b.Name, lifecycle.Live, program)
		j.started = b.Started
		if at == nil {
			at = map[string]*journey{}
		}
		at[j.name] = j
	})
	return at, err
}

// shareBroadcast is the input "this is how the broadcast stands". It is safe to repeat.
type shareBroadcast struct {
	Broadcast Broadcast
	ready     *release
}

func (e *Engine) shareBroadcast(tx store.Tx, in shareBroadcast) error {
	b, err := readShare(tx, in.Broadcast.Name)
	if err != nil {
		return err
	}
	if b == nil {
		b = &broadcastShare{Name: in.Broadcast.Name, State: BroadcastDraft}
	}
	switch {
	case b.Dropped:
		return errStillRemoved(b.Name)
	case b.State == BroadcastStopped, b.State == in.Broadcast.State:
		return nil
	}
	if !tx.Has(versionKey(in.ready.version)) {
		tx.Set(versionKey(in.ready.version), in.ready.stored())
	}
	if b.State == BroadcastDraft {
		def := &in.Broadcast
		b.Version, b.Audience, b.Rate = def.Version, def.Audience, def.Rate
		b.Next, b.Started, b.Offers = later(def.Started, def.Begins()), def.Started, topics{}
		program, err := e.program(tx, b.Version)
		if err != nil {
			return err
		}
		b.Offers.add(program)
	}
	b.State = in.Broadcast.State
	e.writeShare(tx, b)
	return nil
}

func errStillRemoved(name string) error {
	return lifecycle.Errorf(lifecycle.Busy, "a former broadcast %s is still being removed; try again in a moment", name)
}

// dropShare is the input "forget this broadcast".
type dropShare struct{ Name string }

func (e *Engine) dropShare(tx store.Tx, in dropShare) error {
	b, err := readShare(tx, in.Name)
	if err != nil || b == nil {
		return err
	}
	b.Dropped = true
	e.writeShare(tx, b)
	tx.After(func() { e.paces.forget(in.Name) })
	return nil
}

// dueShares asks which broadcasts have something to do, and when.
type dueShares struct{}

type dueShare struct {
	name  string
	due   time.Time
	rate  int  // customers per second, of all partitions together; 0: as fast as it goes
	ready bool // somebody is there to be taken
}

// room says how many customers are to be taken now, or 0 and when it is its partition's turn. Who is to be taken next is
// looked for in between, however seldom that is.
func (e *Engine) room(job string, share *dueShare, p int, now time.Time) (room int, at time.Time) {
	switch {
	case share.rate == 0:
		return maxLetIn, share.due
	case !share.ready || share.due.After(now):
		return 0, share.due
	}
	return e.paces.turn(job, share.rate, p, now)
}

func (e *Engine) dueShares(tx store.Reader) ([]dueShare, error) {
	var list []dueShare
	err := shares(tx, func(b *broadcastShare) {
		if due, any := b.due(); any {
			share := dueShare{name: b.Name, due: due, ready: b.Ready}
			if b.letting() {
				share.rate = b.Rate
			}
			list = append(list, share)
		}
	})
	return list, err
}

// cast does what is due of broadcasts in a partition, a chunk of each.
func (e *Engine) cast(ctx context.Context, p int, now time.Time) (bool, error) {
	part := &e.parts[p]
	if !part.casting.Swap(false) {
		return false, nil
	}
	part.castAt.Store(0)
	answer, err := e.store.Ask(ctx, p, dueShares{})
	if err != nil {
		part.casting.Store(true)
		return false, err
	}
	busy := false
	var next time.Time
	for _, share := range answer.([]dueShare) {
		part.casting.Store(true)
		room, due := e.room(share.name, &share, p, now)
		if due.After(now) {
			if next.IsZero() || due.Before(next) {
				next = due
			}
			continue
		}
		answer, err := e.store.Do(ctx, p, castStep{share.name, now, room})
		if err != nil {
			return false, err
		}
		e.paces.giveBack(share.name, share.rate, room-answer.(int))
		busy = true
	}
	if !next.IsZero() {
		part.castAt.Store(next.UnixNano())
	}
	return busy, nil
}

// castStep is the input "do the next chunk of what this broadcast has to do".
type castStep struct {
	Name string
	At   time.Time
	Room int // how many customers may be let in; with 0 it is looked who is next
}

// castStep answers how many customers were let in.
func (e *Engine) castStep(tx store.Tx, in castStep) (let int, err error) {
	b, err := readShare(tx, in.Name)
	if err != nil || b == nil {
		return 0, err
	}
	due, any := b.due()
	if !any || due.After(in.At) {
		return 0, nil
	}
	if b.letting() {
		return e.letSome(tx, b, in)
	}
	if clearList(tx, b.Name) { // there is more of it
		e.rouse(tx)
		return 0, nil
	}
	if b.Dropped {
		tx.Delete(shareKey(b.Name))
	} else {
		b.Over = true
		e.writeShare(tx, b)
	}
	e.forgetJourneys(tx)
	return 0, nil
}

// maxCleared is how much of a list goes at once.
const maxCleared = 1000

func clearList(tx store.Tx, name string) (more bool) {
	var keys [][]byte
	prefix := listPrefix(name)
	tx.Scan(prefix, store.PrefixEnd(prefix), func(key, _ []byte) bool {
		keys = append(keys, bytes.Clone(key))
		return len(keys) < maxCleared
	})
	for _, key := range keys {
		tx.Delete(key)
	}
	return len(keys) == maxCleared
}

// alignBroadcasts tells every partition how the broadcasts stand: an earlier start may have ended before it had told all. What
// a removal has left of one that is not there any more is forgotten.
func (e *Engine) alignBroadcasts(ctx context.Context) error {
	e.publishing.Lock()
	defer e.publishing.Unlock()
	list, err := e.Broadcasts(ctx)
	if err != nil {
		return err
	}
	for _, b := range list {
		if b.State == BroadcastDraft {
			continue
		}
		answer, err := e.store.Ask(ctx, 0, shareOf{b.Name})
		if err != nil {
			return err
		}
		if share := answer.(*broadcastShare); share != nil && share.Over && share.State == b.State {
			continue // it was told last
		}
		if err = e.shareEverywhere(ctx, b); err != nil && lifecycle.CodeOf(err) != lifecycle.Busy { // its removal was broken off
			return err
		}
	}
	return e.dropOrphans(ctx, list)
}

// dropOrphans forgets the shares of broadcasts that are not among these.
func (e *Engine) dropOrphans(ctx context.Context, list []Broadcast) error {
	known := map[string]bool{}
	for _, b := range list {
		known[b.Name] = true
	}
	for p := range lifecycle.Partitions {
		answer, err := e.store.Ask(ctx, p, sharesOf{})
		if err != nil {
			return err
		}
		for _, name := range answer.([]string) {
			if known[name] {
				continue
			}
			if _, err = e.store.Do(ctx, p, dropShare{name}); err != nil {
				return err
			}
		}
	}
	return nil
}

// shareEverywhere tells every partition how a broadcast that was started stands. Those that have not heard of it, because a
// start was broken off, learn all of it.
func (e *Engine) shareEverywhere(ctx context.Context, b Broadcast) error {
	source, err := e.SourceOf(ctx, b.Version)
	if err != nil {
		return err
	}
	return e.everywhere(ctx, shareBroadcast{b, newRelease(source, b.Version)})
}

// sharesOf asks of which broadcasts a partition keeps something.
type sharesOf struct{}

func (e *Engine) sharesOf(tx store.Reader) (names []string, err error) {
	err = shares(tx, func(b *broadcastShare) { names = append(names, b.Name) })
	return names, err
}

// shareOf asks what a partition keeps of a broadcast; nil: nothing.
type shareOf struct{ Name string }
