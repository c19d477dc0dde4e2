package engine

import (
	"cmp"
	"context"
	"slices"
	"time"

	"stagecraft/app/lifecycle"
	"stagecraft/app/store"
)

// bulksOf asks the first partition for a bulk, or for all.
type bulksOf struct{ Name string }

// bulkShareOf asks what a partition keeps of a bulk; nil: nothing.
type bulkShareOf struct{ Name string }

func (e *Engine) bulks(tx store.Reader, q bulksOf) (list []Bulk, failed error) {
	prefix := bulkKey(q.Name)
	tx.Scan(prefix, store.PrefixEnd(prefix), func(_, value []byte) bool {
		var b Bulk
		if failed = store.Decode(value, &b); failed != nil {
			failed = lifecycle.Wrap(lifecycle.Internal, failed, "a bulk cannot be read")
			return false
		}
		if q.Name == "" || b.Name == q.Name {
			list = append(list, b)
		}
		return q.Name == "" || b.Name != q.Name
	})
	return list, failed
}

// Bulks returns all bulks, the newest first.
func (e *Engine) Bulks(ctx context.Context) ([]Bulk, error) {
	answer, err := e.store.Ask(ctx, 0, bulksOf{})
	if err != nil {
		return nil, err
	}
	list := answer.([]Bulk)
	slices.SortStableFunc(list, func(a, b Bulk) int { return b.Created.Compare(a.Created) })
	return list, nil
}

// Bulk returns one bulk.
func (e *Engine) Bulk(ctx context.Context, name string) (Bulk, error) {
	if name != "" {
		answer, err := e.store.Ask(ctx, 0, bulksOf{name})
		if err != nil {
			return Bulk{}, err
		}
		if list := answer.([]Bulk); len(list) == 1 {
			return list[0], nil
		}
	}
	return Bulk{}, lifecycle.Errorf(lifecycle.NotFound, "there is no bulk %.80q", name)
}

// changeBulk is the input "the bulk is like this now", for the first partition. It answers how the bulk stands after it.
type changeBulk struct {
	Bulk Bulk // of what is no draft, the name and the state count, and who starts it
	Drop bool
	At   time.Time
}

func (e *Engine) changeBulk(tx store.Tx, in changeBulk) (Bulk, error) {
	want := in.Bulk
	all, err := e.bulks(tx, bulksOf{})
	if err != nil {
		return want, err
	}
	at := slices.IndexFunc(all, func(b Bulk) bool { return b.Name == want.Name })
	if at < 0 {
		switch {
		case in.Drop || want.State != BulkDraft:
			return want, lifecycle.Errorf(lifecycle.NotFound, "there is no bulk %.80q", want.Name)
		case len(all) >= maxBulks:
			return want, lifecycle.Errorf(lifecycle.Conflict, "there are %d bulks; remove some that are over", maxBulks)
		}
		want.Created = in.At
		tx.Set(bulkKey(want.Name), store.Encode(&want))
		return want, nil
	}
	b := all[at]
	if in.Drop {
		tx.Delete(bulkKey(b.Name))
		return b, nil
	}
	switch from, to := b.State, want.State; {
	case from == BulkDraft && to == BulkDraft:
		want.Created = b.Created
		b = want
	case from == to:
		return b, nil
	case from == BulkDraft && to == BulkRunning:
		b.Started, b.By = in.At, cmp.Or(want.By, b.By)
	case from == BulkRunning && to == BulkPaused, from == BulkPaused && to == BulkRunning:
	case (from == BulkRunning || from == BulkPaused) && to == BulkStopped:
		b.Stopped = in.At
	default:
		return b, lifecycle.Errorf(lifecycle.Conflict, "bulk %s is %s; it cannot be %s any more", b.Name, from, to)
	}
	b.State = want.State
	tx.Set(bulkKey(b.Name), store.Encode(&b))
	return b, nil
}

// SaveBulk keeps a draft. What is wrong with it is told by field. It is a Conflict if it is to be new and there is one of its name.
func (e *Engine) SaveBulk(ctx context.Context, b Bulk, isNew bool) (Bulk, error) {
	b.State, b.Started, b.Stopped = BulkDraft, time.Time{}, time.Time{}
	plan, err := e.Plan(ctx, b.Journey)
	if err != nil {
		return b, err
	}
	if err = b.check(plan); err != nil {
		return b, err
	}
	e.publishing.Lock()
	defer e.publishing.Unlock()
	if isNew {
		switch _, err = e.Bulk(ctx, b.Name); {
		case err == nil:
			return b, errTaken("bulk", b.Name)
		case lifecycle.CodeOf(err) != lifecycle.NotFound:
			return b, err
		}
	}
	answer, err := e.store.Do(ctx, 0, changeBulk{Bulk: b, At: e.clock.Now()})
	if err != nil {
		return b, err
	}
	return answer.(Bulk), nil
}

// addToBulk is the input "these are on the list". Who is not in this partition is answered with where to ask.
type addToBulk struct {
	Name    string
	Members []listed
}

func (e *Engine) addToBulk(tx store.Tx, in addToBulk) (answer addedAnswer, err error) {
	b, err := readBulkShare(tx, in.Name)
	if err != nil {
		return answer, err
	}
	if b == nil {
		b = &bulkShare{Bulk: Bulk{Name: in.Name, State: BulkDraft}}
	}
	switch {
	case b.Dropped:
		return answer, errBulkStillRemoved(in.Name)
	case b.Bulk.State != BulkDraft:
		return answer, lifecycle.Errorf(lifecycle.Conflict, "bulk %s was started; its list cannot be changed", in.Name)
	}
	for _, m := range in.Members {
		id, record, here := e.find(tx, m.id)
		switch {
		case !here:
			m.id = id
			answer.Next = append(answer.Next, m)
		case record == nil:
			answer.Unknown = append(answer.Unknown, m.at)
		default:
			key := listKey(bulkList(in.Name), id)
			if tx.Has(key) {
				answer.Again++
			} else if answer.Added++; b.Listed+int64(answer.Added) > maxListed {
				return answer, lifecycle.Errorf(lifecycle.TooLarge, "the list is too long")
			}
			tx.Set(key, []byte{})
		}
	}
	b.Listed += int64(answer.Added)
	tx.Set(bulkShareKey(in.Name), store.Encode(b))
	return answer, nil
}

// AddToBulk puts customers on the list of a draft and says who is not known. It may be repeated.
func (e *Engine) AddToBulk(ctx context.Context, name string, members []Member) (Added, error) {
	b, err := e.Bulk(ctx, name)
	if err != nil {
		return Added{}, err
	}
	if !b.Audience.List {
		return Added{}, lifecycle.Errorf(lifecycle.Conflict, "bulk %s is for %s, not for a list", name, b.Audience.Text())
	}
	return e.addMembers(ctx, members, func() error { _, err := e.Bulk(ctx, name); return err },
		func(list []listed) any { return addToBulk{name, list} })
}

// SetBulk starts, pauses, resumes or stops a bulk. Nobody is changed any more when a pause or a stop has returned.
func (e *Engine) SetBulk(ctx context.Context, name string, state BulkState, by string) (Bulk, error) {
	e.publishing.Lock()
	defer e.publishing.Unlock()
	b, err := e.Bulk(ctx, name)
	if err != nil {
		return b, err
	}
	switch {
	case b.State == BulkDraft && state == BulkRunning:
		if err = e.mayStart(ctx, &b); err != nil {
			return b, err
		}
	case b.State == BulkDraft:
		return b, lifecycle.Errorf(lifecycle.Conflict, "bulk %s was not started", name)
	case b.State == BulkRunning:
		progress, err := e.BulkProgress(ctx, name)
		if err != nil {
			return b, err
		}
		if progress.Over {
			return b, lifecycle.Errorf(lifecycle.Conflict, "bulk %s is done: all of its customers were looked at, and nothing happens any more; to do it again, save another", name)
		}
	}
	answer, err := e.store.Do(ctx, 0, changeBulk{Bulk: Bulk{Name: name, State: state, By: by}, At: e.clock.Now()})
	if err != nil {
		return b, err
	}
	b = answer.(Bulk)
	return b, e.everywhere(ctx, shareBulk{b})
}

// mayStart says why a draft cannot be started.
func (e *Engine) mayStart(ctx context.Context, b *Bulk) error {
	plan, err := e.Plan(ctx, b.Journey)
	if err != nil {
		return err
	}
	if err = b.check(plan); err != nil { // the journey may have changed since it was kept
		return err
	}
	states, err := e.States(ctx)
	if err != nil {
		return err
	}
	for _, state := range states {
		if state.Name == b.Journey && b.Act != ActPlace && (state.Mode == lifecycle.Off || state.Mode == lifecycle.Braked) {
			return lifecycle.Errorf(lifecycle.Conflict, "journey %s is %s: nobody can be moved in it", b.Journey, state.Mode)
		}
	}
	progress, err := e.BulkProgress(ctx, b.Name)
	switch {
	case err != nil:
		return err
	case progress.removed:
		return errBulkStillRemoved(b.Name)
	case b.Audience.List && progress.Listed == progress.Gone:
		return lifecycle.Errorf(lifecycle.Conflict, "there is nobody on the list of bulk %s", b.Name)
	}
	return nil
}

// DropBulk forgets a draft, or a bulk that was stopped or is over. What it did stays in the timelines.
func (e *Engine) DropBulk(ctx context.Context, name string) error {
	e.publishing.Lock()
	defer e.publishing.Unlock()
	b, err := e.Bulk(ctx, name)
	if err != nil {
		return err
	}
	if b.State == BulkRunning || b.State == BulkPaused {
		progress, err := e.BulkProgress(ctx, name)
		if err != nil {
			return err
		}
		if !progress.Over {
			return lifecycle.Errorf(lifecycle.Conflict, "bulk %s is %s; stop it first", name, b.State)
		}
	}
	// The shares go before the definition: else a crash in between would leave shares of nothing. It is stopped before, so that
	// what is told anew after a crash begins nothing again.
	if b.State != BulkDraft {
		if _, err = e.store.Do(ctx, 0, changeBulk{Bulk: Bulk{Name: name, State: BulkStopped}, At: e.clock.Now()}); err != nil {
			return err
		}
	}
	if err = e.everywhere(ctx, dropBulkShare{name}); err != nil {
		return err
	}
	_, err = e.store.Do(ctx, 0, changeBulk{Bulk: Bulk{Name: name}, Drop: true, At: e.clock.Now()})
	return err
}

// alignBulks tells every partition how the bulks stand: an earlier start may have ended before it had told all.
func (e *Engine) alignBulks(ctx context.Context) error {
	e.publishing.Lock()
	defer e.publishing.Unlock()
	list, err := e.Bulks(ctx)
	if err != nil {
		return err
	}
	for _, b := range list {
		if b.State == BulkDraft {
			continue
		}
		if err = e.everywhere(ctx, shareBulk{b}); err != nil && lifecycle.CodeOf(err) != lifecycle.Busy {
			return err
		}
	}
	return nil
}

// BulkProgress is how far a bulk has come, summed over all partitions.
type BulkProgress struct {
	bulkCounts
	Listed int64 `json:"listed"`
	Over   bool  `json:"over"`  // nobody is left, or it was stopped everywhere
	Parts  int   `json:"parts"` // partitions that are through, of lifecycle.Partitions

	removed bool // one of the same name is still being removed somewhere
}

// BulkProgress returns how far a bulk has come.
func (e *Engine) BulkProgress(ctx context.Context, name string) (BulkProgress, error) {
	sum := BulkProgress{Over: true}
	sum.Reasons = []BulkReason{}
	for p := range lifecycle.Partitions {
		answer, err := e.store.Ask(ctx, p, bulkShareOf{name})
		if err != nil {
			return sum, err
		}
		b := answer.(*bulkShare)
		if b == nil {
			sum.Over = false
			continue
		}
		sum.add(&b.Counts)
		sum.Listed, sum.removed = sum.Listed+b.Listed, sum.removed || b.Dropped
		if b.Over.IsZero() {
			sum.Over = false
		} else {
			sum.Parts++
		}
	}
	return sum, nil
}
