package insight

import (
	"encoding/binary"
	"math"
	"time"
)

// Stays is how many customers stayed how long in a stage: a histogram whose buckets grow by the 20th root of two. A time
// that is read from it is the middle of its bucket on that scale, so it is off by the 40th root of two at most, 1.75 %.
// Bucket 0 is less than a millisecond, bucket n begins at 2^((n-1)/20) milliseconds, and the last one is beyond what a
// time.Duration can say.
type Stays [stayBuckets]int64

const (
	bucketsPerTwice = 20
	stayBuckets     = 1 + 44*bucketsPerTwice
)

// Shares are the quantiles that figures show, and Percentiles is what they are called.
var (
	Shares      = [...]float64{0.10, 0.25, 0.50, 0.75, 0.90, 0.99}
	Percentiles = [...]string{"p10", "p25", "p50", "p75", "p90", "p99"}
)

func stayBucket(stayed time.Duration) int {
	if stayed < time.Millisecond {
		return 0
	}
	return min(1+int(bucketsPerTwice*math.Log2(float64(stayed)/float64(time.Millisecond))), stayBuckets-1)
}

// stayMiddle returns the time that a bucket stands for; none for the first.
func stayMiddle(bucket int) time.Duration {
	if bucket == 0 {
		return 0
	}
	middle := math.Exp2((float64(bucket)-0.5)/bucketsPerTwice) * float64(time.Millisecond)
	return time.Duration(min(middle, math.MaxInt64-1024)) // a float64 has no closer number below
}

// Count returns how many stays there were.
func (s *Stays) Count() int64 {
	var sum int64
	for _, n := range s {
		sum += n
	}
	return sum
}

// Quantiles returns, for each of Shares, the time after which that share of those who left had left: of n stays in order
// the one at the place n times the share, rounded up, within 1.75 %. All are zero if nobody has left.
func (s *Stays) Quantiles() (times [len(Shares)]time.Duration) {
	count, passed, next := s.Count(), int64(0), 0
	if count <= 0 {
		return times
	}
	for bucket, n := range s {
		for passed += n; next < len(Shares) && passed >= rank(Shares[next], count); next++ {
			times[next] = stayMiddle(bucket)
		}
	}
	return times
}

// rank is the place of a quantile among n, from 1 on. Shares have no exact form in binary: what is a whole number but for
// that is not rounded up.
func rank(share float64, n int64) int64 { return max(1, int64(math.Ceil(share*float64(n)-1e-6))) }

// Median is the quantile in the middle.
func (s *Stays) Median() time.Duration { return s.Quantiles()[2] }

// bumpStay returns a copy of data with one more stay. Data is what is stored of a histogram: for each bucket that is not
// empty how far it lies behind the one before, and its count.
func bumpStay(to, data []byte, stayed time.Duration) []byte {
	bucket, at := uint64(stayBucket(stayed)), uint64(0)
	for len(data) > 0 {
		step, n, size := stayPair(data)
		if size == 0 {
			break // not of our make; what follows is lost
		}
		switch {
		case at+step == bucket:
			to = binary.AppendUvarint(binary.AppendUvarint(to, step), n+1)
			return append(to, data[size:]...)
		case at+step > bucket:
			to = binary.AppendUvarint(binary.AppendUvarint(to, bucket-at), 1)
			to = binary.AppendUvarint(binary.AppendUvarint(to, at+step-bucket), n)
			return append(to, data[size:]...)
		}
		to, data, at = append(to, data[:size]...), data[size:], at+step
	}
	return binary.AppendUvarint(binary.AppendUvarint(to, bucket-at), 1)
}

// append writes the buckets as bumpStay does.
func (s *Stays) append(data []byte) []byte {
	last := 0
	for bucket, n := range s {
		if n != 0 {
			data = binary.AppendUvarint(binary.AppendUvarint(data, uint64(bucket-last)), uint64(n))
			last = bucket
		}
	}
	return data
}

// read adds what bumpStay or append wrote; what is not of their make is passed over.
func (s *Stays) read(data []byte) {
	for at := uint64(0); len(data) > 0; {
		step, n, size := stayPair(data)
		if size == 0 || step >= stayBuckets || at+step >= stayBuckets {
			return
		}
		at += step
		s[at] += int64(n)
		data = data[size:]
	}
}

func stayPair(data []byte) (step, n uint64, size int) {
	step, a := binary.Uvarint(data)
	if a <= 0 {
		return 0, 0, 0
	}
	n, b := binary.Uvarint(data[a:])
	if b <= 0 {
		return 0, 0, 0
	}
	return step, n, a + b
}

// readCoarse adds a histogram as it was stored once: buckets that grow by the eighth root of two from a second on, each a
// byte and its count. Its times are right within 5 %.
func (s *Stays) readCoarse(data []byte) {
	for len(data) > 0 {
		n, size := binary.Uvarint(data[1:])
		if size <= 0 {
			return
		}
		stayed := time.Duration(0)
		if data[0] > 0 {
			stayed = time.Duration(min(math.Exp2((float64(data[0])-0.5)/8)*float64(time.Second), math.MaxInt64-1024))
		}
		s[stayBucket(stayed)] += int64(n)
		data = data[1+size:]
	}
}
