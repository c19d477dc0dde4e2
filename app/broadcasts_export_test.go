package app

import (
	"context"

	"stagecraft/app/engine"
)

// BreakBroadcast says how a broadcast stands and gives no orders about its messages, as a program does that dies there.
func (a *App) BreakBroadcast(name string, state engine.BroadcastState) error {
	_, err := a.engine.SetBroadcast(context.Background(), name, state)
	return err
}
