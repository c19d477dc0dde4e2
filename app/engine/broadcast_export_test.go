package engine

import (
	"context"
	"time"

	"stagecraft/app/script"
)

// CheckBroadcast and CompileBroadcast are for the fuzz test.
func CheckBroadcast(b *Broadcast) error { return b.check() }

// CompileBroadcast compiles a definition whose messages are its own.
func CompileBroadcast(b *Broadcast) error {
	source, err := b.source(nil)
	if err == nil {
		_, err = script.New(script.Limits{}).Compile(source)
	}
	return err
}

// BreakStop stops a broadcast and ends before any partition but the first has heard of it.
func (e *Engine) BreakStop(name string, at time.Time) error {
	_, err := e.store.Do(context.Background(), 0, changeBroadcast{Broadcast: Broadcast{Name: name, State: BroadcastStopped}, At: at})
	return err
}

// OverIn reports whether nothing of a broadcast is at work in a partition any more.
func (e *Engine) OverIn(name string, p int) bool {
	answer, err := e.store.Ask(context.Background(), p, shareOf{name})
	return err == nil && answer.(*broadcastShare) != nil && answer.(*broadcastShare).Over
}

// BreakDrop forgets the definition of a broadcast and nothing else, as a removal did that ended there.
func (e *Engine) BreakDrop(name string) error {
	_, err := e.store.Do(context.Background(), 0, changeBroadcast{Broadcast: Broadcast{Name: name}, Drop: true})
	return err
}

// DropHalf forgets what half of the partitions keep of a broadcast, as a removal does that ends there.
func (e *Engine) DropHalf(name string) error {
	for p := range 32 {
		if _, err := e.store.Do(context.Background(), p, dropShare{name}); err != nil {
			return err
		}
	}
	return nil
}
