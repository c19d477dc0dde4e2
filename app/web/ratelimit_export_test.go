package web

import "time"

// Bucket returns how requests are taken out of one.
func Bucket(rate int) func(now time.Time) (left int, wait time.Duration) {
	return newBucket(rate).takeAt
}
