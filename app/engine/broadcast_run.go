package engine

import (
	"cmp"
	"context"
	"slices"
	"time"

	"stagecraft/app/lifecycle"
	"stagecraft/app/script"
	"stagecraft/app/store"
)

// broadcastsOf asks the first partition for a broadcast, or for all.
type broadcastsOf struct{ Name string }

func (e *Engine) broadcasts(tx store.Reader, q broadcastsOf) (list []Broadcast, failed error) {
	prefix := []byte{'G'}
	if q.Name != "" {
		prefix = broadcastKey(q.Name)
	}
	tx.Scan(prefix, store.PrefixEnd(prefix), func(_, value []byte) bool {
		var b Broadcast
		if failed = store.Decode(value, &b); failed != nil {
			failed = lifecycle.Wrap(lifecycle.Internal, failed, "a broadcast cannot be read")
			return false
		}
		if q.Name == "" || b.Name == q.Name {
			list = append(list, b)
		}
		return q.Name == "" || b.Name != q.Name
	})
	return list, failed
}

// Broadcasts returns all broadcasts, the newest first.
func (e *Engine) Broadcasts(ctx context.Context) ([]Broadcast, error) {
	answer, err := e.store.Ask(ctx, 0, broadcastsOf{})
	if err != nil {
		return nil, err
	}
	list := answer.([]Broadcast)
	slices.SortStableFunc(list, func(a, b Broadcast) int { return b.Created.Compare(a.Created) })
	return list, nil
}

// Broadcast returns one broadcast.
func (e *Engine) Broadcast(ctx context.Context, name string) (Broadcast, error) {
	if name != "" {
		answer, err := e.store.Ask(ctx, 0, broadcastsOf{name})
		if err != nil {
			return Broadcast{}, err
		}
		if list := answer.([]Broadcast); len(list) == 1 {
			return list[0], nil
		}
	}
	return Broadcast{}, lifecycle.Errorf(lifecycle.NotFound, "there is no broadcast %.80q", name)
}

// changeBroadcast is the input "the broadcast is like this now", for the first partition. What it answers is how the
// broadcast stands after it.
type changeBroadcast struct {
	Broadcast Broadcast // of what is no draft, the name and the state count, and when it was started
	Drop      bool
	Cancelled bool // what was queued of one that was stopped is
	At        time.Time
	ready     *release
}

func (e *Engine) changeBroadcast(tx store.Tx, in changeBroadcast) (Broadcast, error) {
	want := in.Broadcast
	all, err := e.broadcasts(tx, broadcastsOf{})
	if err != nil {
		return want, err
	}
	at := slices.IndexFunc(all, func(b Broadcast) bool { return b.Name == want.Name })
	if at < 0 && (in.Drop || want.State != BroadcastDraft) {
		return want, lifecycle.Errorf(lifecycle.NotFound, "there is no broadcast %.80q", want.Name)
	}
	if at < 0 {
		if len(all) >= maxBroadcasts {
			return want, lifecycle.Errorf(lifecycle.Conflict, "there are %d broadcasts; remove some that are over", maxBroadcasts)
		}
		want.Created = in.At
		tx.Set(broadcastKey(want.Name), store.Encode(&want))
		return want, nil
	}
	b := all[at]
	if in.Drop {
		tx.Delete(broadcastKey(b.Name))
		return b, nil
	}
	switch from, to := b.State, want.State; {
	case from == BroadcastDraft && to == BroadcastDraft:
		want.Created = b.Created
		b = want
	case from == to && in.Cancelled:
		b.Stopping = false
	case from == to:
		return b, nil
	case from == BroadcastDraft && to == BroadcastRunning:
		b.Version, b.Started, b.By = want.Version, in.At, cmp.Or(want.By, b.By)
		if !tx.Has(versionKey(b.Version)) {
			tx.Set(versionKey(b.Version), in.ready.stored())
		}
	case from == BroadcastRunning && to == BroadcastPaused, from == BroadcastPaused && to == BroadcastRunning:
	case (from == BroadcastRunning || from == BroadcastPaused) && to == BroadcastStopped:
		b.Stopped, b.Stopping = in.At, true
	default:
		return b, lifecycle.Errorf(lifecycle.Conflict, "broadcast %s is %s; it cannot be %s any more", b.Name, from, to)
	}
	b.State = want.State
	tx.Set(broadcastKey(b.Name), store.Encode(&b))
	return b, nil
}

// BroadcastProgram compiles the journey of a broadcast: of one that was started as it was then, of a draft as it would be
// started now.
func (e *Engine) BroadcastProgram(ctx context.Context, b *Broadcast) (*script.Program, error) {
	if b.Version != "" {
		if program, ok := e.Program(b.Version); ok {
			return program, nil
		}
		return nil, lifecycle.Errorf(lifecycle.Internal, "the journey of broadcast %s cannot be read", b.Name)
	}
	source, err := b.source(func(journey string) (script.Source, error) {
		states, err := e.States(ctx)
		if err != nil {
			return script.Source{}, err
		}
		at := slices.IndexFunc(states, func(s JourneyState) bool { return s.Name == journey })
		if at < 0 {
			return script.Source{}, lifecycle.Errorf(lifecycle.NotFound, "there is no journey %.80q", journey)
		}
		return e.SourceOf(ctx, states[at].Version)
	})
	if err != nil {
		return nil, err
	}
	if e.compileBroadcast != nil {
		return e.compileBroadcast(source)
	}
	return e.host.Compile(source)
}

// SaveBroadcast keeps a draft. What is wrong with it is told by field, and of texts by file and line. It is a Conflict if it is to be
// new and there is one of its name.
func (e *Engine) SaveBroadcast(ctx context.Context, b Broadcast, isNew bool) (Broadcast, error) {
	b.State, b.Version, b.Started, b.Stopped = BroadcastDraft, "", time.Time{}, time.Time{}
	if err := b.check(); err != nil {
		return b, err
	}
	program, err := e.BroadcastProgram(ctx, &b)
	if err == nil {
		err = e.checkNames(ctx, &b, program)
	}
	if err != nil {
		return b, err
	}
	e.publishing.Lock()
	defer e.publishing.Unlock()
	switch _, err = e.Broadcast(ctx, b.Name); {
	case lifecycle.CodeOf(err) == lifecycle.NotFound:
		err = e.everywhere(ctx, dropShare{b.Name}) // a new one begins with nothing, whatever a former one of its name has left
	case err == nil && isNew:
		err = errTaken("broadcast", b.Name)
	}
	if err != nil {
		return b, err
	}
	answer, err := e.store.Do(ctx, 0, changeBroadcast{Broadcast: b, At: e.clock.Now()})
	if err != nil {
		return b, err
	}
	return answer.(Broadcast), nil
}

// errTaken says that there is a job of a name already.
func errTaken(kind, name string) error {
	return lifecycle.Errorf(lifecycle.Conflict, "there is a %s %s already; choose another name, or change that one", kind, name)
}

// StartBroadcast lets a draft begin, at its time or at once. From then on it cannot be changed.
func (e *Engine) StartBroadcast(ctx context.Context, name, by string) (Broadcast, error) {
	e.publishing.Lock() // what is compiled is what is started: it is not saved anew meanwhile
	defer e.publishing.Unlock()
	b, err := e.Broadcast(ctx, name)
	if err != nil {
		return b, err
	}
	if b.State != BroadcastDraft {
		return b, lifecycle.Errorf(lifecycle.Conflict, "broadcast %s is %s already", name, b.State)
	}
	progress, err := e.BroadcastProgress(ctx, name)
	switch {
	case err != nil:
		return b, err
	case progress.removed:
		return b, errStillRemoved(name)
	case b.Audience.List && progress.Listed == progress.Gone:
		return b, lifecycle.Errorf(lifecycle.Conflict, "there is nobody on the list of broadcast %s", name)
	}
	if err = b.checkTime(e.clock.Now()); err != nil {
		return b, err
	}
	program, err := e.BroadcastProgram(ctx, &b)
	if err == nil {
		err = e.checkNames(ctx, &b, program)
	}
	if err != nil {
		return b, err
	}
	if missing, _ := e.doubts(&b, program); len(missing) > 0 {
		return b, script.Errors(missing)
	}
	program = e.remember(program)
	return e.setBroadcast(ctx, Broadcast{Name: name, State: BroadcastRunning, By: by, Version: program.Journey.Version},
		newRelease(program.Sources(), program.Journey.Version))
}

// SetBroadcast pauses, resumes or stops what was started. Nobody is let in any more when it has returned; the messages that
// are queued are delivery's, and of what was stopped BroadcastCancelled says when that is done. It is safe to repeat.
func (e *Engine) SetBroadcast(ctx context.Context, name string, state BroadcastState) (Broadcast, error) {
	now, err := e.Broadcast(ctx, name)
	if err != nil {
		return now, err
	}
	if now.State == BroadcastDraft {
		return now, lifecycle.Errorf(lifecycle.Conflict, "broadcast %s was not started", name)
	}
	e.publishing.Lock()
	defer e.publishing.Unlock()
	return e.setBroadcast(ctx, Broadcast{Name: name, State: state}, nil)
}

// BroadcastCancelled notes that what was queued of a broadcast that was stopped is cancelled.
func (e *Engine) BroadcastCancelled(ctx context.Context, name string) error {
	_, err := e.store.Do(ctx, 0, changeBroadcast{Broadcast: Broadcast{Name: name, State: BroadcastStopped}, Cancelled: true, At: e.clock.Now()})
	return err
}

func (e *Engine) setBroadcast(ctx context.Context, b Broadcast, ready *release) (Broadcast, error) {
	answer, err := e.store.Do(ctx, 0, changeBroadcast{Broadcast: b, At: e.clock.Now(), ready: ready})
	if err != nil {
		return b, err
	}
	b = answer.(Broadcast)
	return b, e.shareEverywhere(ctx, b)
}

// DropBroadcast forgets a draft, or a broadcast that was stopped or is over. Its messages stay in the ledger.
func (e *Engine) DropBroadcast(ctx context.Context, name string) error {
	e.publishing.Lock()
	defer e.publishing.Unlock()
	b, err := e.Broadcast(ctx, name)
	if err != nil {
		return err
	}
	if b.State == BroadcastRunning || b.State == BroadcastPaused {
		progress, err := e.BroadcastProgress(ctx, name)
		if err != nil {
			return err
		}
		if !progress.Over {
			return lifecycle.Errorf(lifecycle.Conflict, "broadcast %s is %s; stop it first", name, b.State)
		}
	}
	// The shares go before the definition: else a crash in between would leave shares of nothing, and the next broadcast of that
	// name would begin with their list. It is stopped before, so that what is told anew after a crash begins nothing again.
	if b.State != BroadcastDraft {
		if _, err = e.store.Do(ctx, 0, changeBroadcast{Broadcast: Broadcast{Name: name, State: BroadcastStopped}, At: e.clock.Now()}); err != nil {
			return err
		}
	}
	if err = e.everywhere(ctx, dropShare{name}); err != nil {
		return err
	}
	_, err = e.store.Do(ctx, 0, changeBroadcast{Broadcast: Broadcast{Name: name}, Drop: true, At: e.clock.Now()})
	return err
}

// BroadcastProgress is how far a broadcast has come, summed over all partitions.
type BroadcastProgress struct {
	Listed int64 // on its list
	Let    int64 // let in
	Had    int64 // had it already, with somebody who became part of them
	Merged int64 // of the list: part of somebody else by now, who is let in instead
	Gone   int64 // of the list: not there any more
	Done   bool  // nobody is left to be let in
	Over   bool  // nothing is at work any more
	Parts  int   // partitions that are done, of lifecycle.Partitions

	removed bool // one of the same name is still being removed somewhere
}

// BroadcastProgress returns how far a broadcast has come.
func (e *Engine) BroadcastProgress(ctx context.Context, name string) (BroadcastProgress, error) {
	sum := BroadcastProgress{Done: true, Over: true}
	for p := range lifecycle.Partitions {
		answer, err := e.store.Ask(ctx, p, shareOf{name})
		if err != nil {
			return sum, err
		}
		b := answer.(*broadcastShare)
		if b == nil {
			sum.Done, sum.Over = false, false
			continue
		}
		sum.removed = sum.removed || b.Dropped
		sum.Listed, sum.Let, sum.Gone = sum.Listed+b.Listed, sum.Let+b.Let, sum.Gone+b.Gone
		sum.Had, sum.Merged = sum.Had+b.Had, sum.Merged+b.Merged
		if !b.Done.IsZero() {
			sum.Parts++
		}
		sum.Done, sum.Over = sum.Done && !b.Done.IsZero(), sum.Over && b.Over
	}
	return sum, nil
}
