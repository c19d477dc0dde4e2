package web

import (
	"math"
	"strconv"
	"sync"
	"time"

	"github.com/gofiber/fiber/v2"

	"stagecraft/app/lifecycle"
)

// bucket holds a key to a number of requests a second: it has room for those of one second, and fills as time passes.
type bucket struct {
	mu    sync.Mutex
	rate  float64
	left  float64
	since time.Time
}

func newBucket(rate int) *bucket { return &bucket{rate: float64(rate), left: float64(rate)} }

// takeAt takes one request out. wait is how long until there is one, where there is none.
func (b *bucket) takeAt(now time.Time) (left int, wait time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if passed := now.Sub(b.since); passed > 0 || b.since.IsZero() {
		if !b.since.IsZero() {
			b.left = math.Min(b.rate, b.left+passed.Seconds()*b.rate)
		}
		b.since = now
	}
	if b.left < 1 {
		return 0, time.Duration((1 - b.left) / b.rate * float64(time.Second))
	}
	b.left--
	return int(b.left), 0
}

// take takes one request out and says in the headers of draft-ietf-httpapi-ratelimit-headers what is left.
func (b *bucket) take(c *fiber.Ctx, now time.Time) error {
	left, wait := b.takeAt(now)
	c.Set("RateLimit-Policy", `"key";q=`+strconv.Itoa(int(b.rate))+`;w=1`)
	c.Set("RateLimit", `"key";r=`+strconv.Itoa(left)+`;t=1`)
	if wait == 0 {
		return nil
	}
	err := lifecycle.Errorf(lifecycle.Busy, "this key may make %d requests a second", int(b.rate))
	err.Hint = "send fewer and larger requests, such as batches; or have a key made with a higher rate"
	return err // with Retry-After, in whole seconds: 1
}
