package channel

import (
	"context"
	"time"
)

// beginIn is for how long after a call was made its messages may be begun.
const beginIn = time.Second

// Beginning returns a context that ends when a call may begin no further message. That is a second after it was made: whether
// a message may still leave, or somebody has opted out meanwhile, the host looks up before each call. And it is at half of the
// time that ctx leaves, so that what is under way then comes to its end before ctx does. What has not been begun is Untried,
// without a wait: the host looks again, and hands over less at a time.
func Beginning(ctx context.Context) (context.Context, context.CancelFunc) {
	within := beginIn
	if end, ok := ctx.Deadline(); ok {
		within = min(within, time.Until(end)/2)
	}
	return context.WithTimeout(ctx, within)
}
