package engine

import (
	"context"
	"time"

	"stagecraft/app/lifecycle"
)

// maxInsisting is how often is tried what fails for a reason that may not pass: what cannot be read is not to hold up all the rest.
const maxInsisting = 10

// insist does what must not be lost, again once a second while it fails, and returns the error of the last try. It tries until ctx
// ends while there is no room on the disk or the store is not there. What it is about to do is not broken off.
func insist(ctx context.Context, do func(context.Context) error) error {
	finish := context.WithoutCancel(ctx)
	for tries := 1; ; tries++ {
		err := do(finish)
		switch lifecycle.CodeOf(err) {
		case lifecycle.Full, lifecycle.Busy, lifecycle.Unavailable:
		case lifecycle.Internal:
			if tries >= maxInsisting {
				return err
			}
		default: // done, or it never can be
			return err
		}
		if ctx.Err() != nil {
			return err
		}
		_ = lifecycle.WallClock{}.Wait(ctx, time.Now().Add(time.Second))
	}
}
