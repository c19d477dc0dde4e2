package app

import (
	"cmp"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"log/slog"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"stagecraft/app/config"
	"stagecraft/app/delivery"
	"stagecraft/app/engine"
	"stagecraft/app/lifecycle"
	"stagecraft/app/store"
	"stagecraft/app/web"
)

// rights does what people may ask for of what is kept of them, where it takes more than one part of the program.
type rights struct {
	settings config.Privacy
	dir      string // the data folder
	list     string // of who was erased
	key      []byte
	engine   *engine.Engine
	delivery *delivery.Delivery
	store    *store.Store
	clock    lifecycle.Clock
	log      *slog.Logger

	folders func() []string // others in which connectors keep what they were given to send

	erasing   sync.Mutex // one erasure at a time
	mu        sync.Mutex
	dirty     bool // under mu: something was removed that is still in the files
	retained  time.Time
	rewriting bool             // under mu
	last      *store.Rewritten // under mu; since the program started
	problem   string           // under mu; of the last one
}

func newRights(a *App) *rights {
	kept := a.cfg.Privacy.Events+a.cfg.Privacy.Anonymous+a.cfg.Privacy.Bodies > 0 // what an earlier start removed may be in the files
	return &rights{dirty: kept, folders: a.connect.folders, settings: a.cfg.Privacy, dir: a.cfg.Data, list: cmp.Or(a.cfg.Privacy.Erased, filepath.Join(a.cfg.Data, "erased")),
		key: []byte(a.keys.Erased), engine: a.engine, delivery: a.delivery, store: a.store, clock: a.clock, log: a.log}
}

func timeOf(ns int64) time.Time { return time.Unix(0, ns).UTC() }

// check names the key without telling it.
func (r *rights) check() string {
	mac := hmac.New(sha256.New, r.key)
	mac.Write([]byte("stagecraft: the list of who was erased"))
	return hex.EncodeToString(mac.Sum(nil))
}

// begin holds the store against the list of who was erased, in both directions, and finishes what a kill interrupted. It
// is called before anything is sent or served.
func (r *rights) begin(ctx context.Context) error {
	list, err := readErased(r.list, r.check())
	if err != nil {
		return err
	}
	n, err := r.engine.ReplayErasures(ctx, list, func(ctx context.Context, id lifecycle.ID) error {
		_, err := r.erase(ctx, id)
		return err
	})
	if err != nil {
		return err
	}
	if n > 0 {
		r.log.Warn("customers were erased again: the store is older than the list of who was erased", "customers", n)
	}
	if err = r.scrubFiles(ctx); err != nil {
		r.log.Error("files beside the store still name somebody who was erased", "error", err)
	}
	return r.keepList(ctx)
}

// keepList writes down who was erased, beside the store.
func (r *rights) keepList(ctx context.Context) error {
	known, err := r.engine.Erasures(ctx)
	if err != nil {
		return err
	}
	list, err := readErased(r.list, r.check())
	if err != nil {
		return err
	}
	there := map[lifecycle.ID]int{}
	for i, one := range list {
		there[one.Hash] = i
	}
	changed := false
	for _, one := range known {
		i, listed := there[one.Hash]
		switch {
		case !listed:
			list = append(list, one)
		case one.At.After(list[i].At): // erased again: they had come back
			list[i].At, list[i].Whole = one.At, one.Whole || list[i].Whole
		default:
			continue
		}
		changed = true
	}
	if !changed {
		return nil
	}
	return writeErased(r.list, r.check(), list)
}

func (r *rights) scrubFiles(ctx context.Context) error {
	list, err := r.engine.Scrubs(ctx)
	for _, one := range list {
		for _, dir := range append(r.folders(), r.dir) {
			if err == nil {
				err = scrub(dir, one)
			}
		}
		if err == nil {
			err = r.engine.Scrubbed(ctx, one.Customer)
		}
	}
	return err
}

// erase forgets a customer in the store. What their messages were called is asked for before: connectors know no more. It
// returns how many letters of theirs were given out for printing: one that the connector still keeps is in no batch yet.
func (r *rights) erase(ctx context.Context, id lifecycle.ID) (letters int, err error) {
	person, err := r.engine.Person(ctx, id)
	if err != nil {
		return 0, err
	}
	var messages []lifecycle.ID
	for _, p := range partitionsOf(person.IDs) {
		part, err := r.delivery.PersonalOf(ctx, p, person.IDs)
		if err != nil {
			return 0, err
		}
		for _, m := range part.Messages {
			messages = append(messages, m.ID)
			if lifecycle.KindOf(m.Channel) == "letter" && m.State == lifecycle.Accepted && !m.Kept {
				letters++
			}
		}
	}
	return letters, r.engine.Erase(ctx, person.Customer.ID, messages)
}

// partitionsOf returns the partitions of IDs, each once.
func partitionsOf(ids []lifecycle.ID) (list []int) {
	for _, id := range ids {
		if p := id.Partition(); !slices.Contains(list, p) {
			list = append(list, p)
		}
	}
	return list
}

// Erase forgets a customer: in the store, in the files beside it, and, so that they stay forgotten, on the list.
func (r *rights) Erase(ctx context.Context, id lifecycle.ID) (letters int, err error) {
	r.erasing.Lock()
	defer r.erasing.Unlock()
	if letters, err = r.erase(ctx, id); err != nil {
		return 0, err
	}
	r.mu.Lock()
	r.dirty = true
	r.mu.Unlock()
	// It has happened: whoever asked for it may go away meanwhile.
	ctx = context.WithoutCancel(ctx)
	if err = r.keepList(ctx); err != nil {
		return 0, err
	}
	// What connectors keep goes first: a batch is not to be changed by both. One that does not run does it when it is back.
	waiting, stop := context.WithTimeout(ctx, forgetPatience)
	defer stop()
	r.delivery.AwaitForgotten(waiting)
	return letters, r.scrubFiles(ctx)
}

// forgetPatience is how long whoever erases waits for connectors.
const forgetPatience = 5 * time.Second

// removingTime is how long a rewrite waits for what is being removed: it would copy what is left of it.
const removingTime = time.Minute

// Rewrite makes the store's files anew, without what was removed.
func (r *rights) Rewrite(ctx context.Context) (store.Rewritten, error) {
	waiting, stop := context.WithTimeout(ctx, removingTime)
	defer stop()
	if err := r.engine.AwaitForgotten(waiting); err != nil {
		return store.Rewritten{}, err
	}
	r.mu.Lock()
	dirty := r.dirty
	r.dirty = false // what is removed from here on may be copied
	r.mu.Unlock()
	done, err := r.store.Rewrite(ctx)
	if err != nil {
		r.mu.Lock()
		r.dirty = r.dirty || dirty
		r.mu.Unlock()
	} else {
		r.log.Info("the store was rewritten", "before", done.Before, "after", done.After, "took", done.Took, "paused", done.Paused)
	}
	return done, err
}

// StartRewrite begins to rewrite in the background. Who closes the store waits until it has ended.
func (r *rights) StartRewrite() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.rewriting {
		return lifecycle.Errorf(lifecycle.Conflict, "the store is being rewritten already")
	}
	r.rewriting = true
	go func() {
		done, err := r.Rewrite(context.Background())
		r.mu.Lock()
		defer r.mu.Unlock()
		if r.rewriting, r.problem = false, ""; err != nil {
			r.problem = err.Error()
			r.log.Error("the store was not rewritten", "error", err)
			return
		}
		r.last = &done
	}()
	return nil
}

// Standing says what is kept for how long, and what is still in files.
func (r *rights) Standing(ctx context.Context) (web.RightsStanding, error) {
	waiting, since, err := r.waiting(ctx)
	if err != nil {
		return web.RightsStanding{}, err
	}
	known, err := r.engine.Erasures(ctx)
	if err != nil {
		return web.RightsStanding{}, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return web.RightsStanding{Rewriting: r.rewriting, Last: r.last, Problem: r.problem, KeepEvents: r.settings.Events, KeepAnonymous: r.settings.Anonymous, KeepBodies: r.settings.Bodies,
		RewriteAfter: r.settings.Rewrite, Erased: len(known), Waiting: waiting, Since: since, Rewritten: r.store.RewrittenAt()}, nil
}

// waiting reports whether files still have what was erased, and since when.
func (r *rights) waiting(ctx context.Context) (bool, time.Time, error) {
	known, err := r.engine.Erasures(ctx)
	if err != nil {
		return false, time.Time{}, err
	}
	last := r.store.RewrittenAt()
	var since time.Time
	for _, one := range known {
		if one.At.After(last) && (since.IsZero() || one.At.Before(since)) {
			since = one.At
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return !since.IsZero() || r.dirty, since, nil
}

// rightsEvery is how often it is looked whether something has been kept for long enough.
const rightsEvery = 10 * time.Minute

// run keeps things only as long as they may be kept, and rewrites the store when it is time, until ctx ends.
func (r *rights) run(ctx context.Context) {
	for ctx.Err() == nil {
		if err := r.tend(ctx); err != nil && ctx.Err() == nil {
			r.log.Warn("what is kept too long could not be removed; it is tried again", "error", err)
		}
		lifecycle.Sleep(ctx, r.clock, r.clock.Now().Add(rightsEvery), nil)
	}
}

func (r *rights) tend(ctx context.Context) error {
	now := r.clock.Now()
	r.erasing.Lock() // what an erasure that was broken off, or a file that could not be written, has left
	err := errors.Join(r.keepList(ctx), r.scrubFiles(ctx))
	r.erasing.Unlock()
	if err != nil {
		return err
	}
	keep := engine.Retention{Events: config.Days(r.settings.Events), Anonymous: config.Days(r.settings.Anonymous), Bodies: config.Days(r.settings.Bodies)}
	if keep != (engine.Retention{}) && now.Sub(r.retained) >= 24*time.Hour {
		kept, err := r.engine.Retain(ctx, keep)
		if kept != (engine.Kept{}) {
			r.log.Info("what was kept long enough is gone", "events", kept.Entries, "anonymous customers", kept.Anonymous)
		}
		if kept != (engine.Kept{}) || keep.Bodies > 0 {
			r.mu.Lock()
			r.dirty = true
			r.mu.Unlock()
		}
		if err != nil {
			return err
		}
		r.retained = now
	}
	if r.settings.Rewrite == 0 {
		return nil
	}
	waiting, since, err := r.waiting(ctx)
	if last := r.store.RewrittenAt(); last.After(since) {
		since = last
	}
	if err != nil || !waiting || now.Sub(since) < time.Duration(r.settings.Rewrite)*time.Hour {
		return err
	}
	_, err = r.Rewrite(ctx)
	return err
}
