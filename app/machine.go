package app

import (
	"context"
	"sync"

	"stagecraft/app/delivery"
	"stagecraft/app/engine"
	"stagecraft/app/insight"
	"stagecraft/app/lifecycle"
	"stagecraft/app/store"
)

// machine composes what the store runs: each kind of input goes to the package that handles it.
type machine struct {
	engine   *engine.Engine
	delivery *delivery.Delivery
	insight  *insight.Insight
}

// Apply changes a partition.
func (m *machine) Apply(tx store.Tx, input any) (any, error) {
	if answer, handled, err := m.engine.Apply(tx, input); handled {
		return answer, err
	}
	if answer, handled, err := m.delivery.Apply(tx, input); handled {
		return answer, err
	}
	return nil, lifecycle.Errorf(lifecycle.Internal, "nobody handles an input of type %T", input)
}

// Ask reads a partition.
func (m *machine) Ask(tx store.Reader, query any) (any, error) {
	if answer, handled, err := m.engine.Ask(tx, query); handled {
		return answer, err
	}
	if answer, handled, err := m.delivery.Ask(tx, query); handled {
		return answer, err
	}
	if answer, handled, err := m.insight.Ask(tx, query); handled {
		return answer, err
	}
	return nil, lifecycle.Errorf(lifecycle.Internal, "nobody answers a question of type %T", query)
}

// Own does what the owner of a partition does: timers and instructions, and the outbox.
func (m *machine) Own(ctx context.Context, partition int) {
	var both sync.WaitGroup
	both.Go(func() { m.engine.Own(ctx, partition) })
	both.Go(func() { m.delivery.Own(ctx, partition) })
	both.Wait()
}
