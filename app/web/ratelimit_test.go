package web_test

import (
	"testing"
	"time"

	"stagecraft/app/web"
)

// A key that sends all the time gets its number of requests through, each second, and may save up those of one second.
func TestBucket(t *testing.T) {
	now := time.Unix(1000, 0)
	take := web.Bucket(5)
	passed := 0
	for range 20 {
		if _, wait := take(now); wait == 0 {
			passed++
		}
	}
	if passed != 5 {
		t.Errorf("%d at once", passed)
	}
	if left, wait := take(now); left != 0 || wait != 200*time.Millisecond {
		t.Errorf("%d left, wait %s", left, wait)
	}
	passed = 0
	for range 1000 {
		now = now.Add(10 * time.Millisecond)
		if _, wait := take(now); wait == 0 {
			passed++
		}
	}
	if passed < 49 || passed > 51 {
		t.Errorf("%d within ten seconds", passed)
	}
	if left, wait := take(now.Add(time.Hour)); left != 4 || wait != 0 {
		t.Errorf("after an hour: %d left, wait %s", left, wait)
	}
	if _, wait := take(now); wait != 0 { // a clock that goes back fills nothing
		t.Error(wait)
	}
}
