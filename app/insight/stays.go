package insight

import (
	"encoding/binary"
	"math"
	"time"

	"stagecraft/app/lifecycle"
	"stagecraft/app/store"
)

// Stays is how many customers stayed how long in a stage: a histogram whose buckets grow by the eighth root of two, so
// that what is read from it is right within 5 %. Bucket 0 is less than a second, bucket n begins at 2^((n-1)/8)
// seconds, and the last one takes everything from 117 years on.
type Stays [stayBuckets]int64

const (
	stayBuckets     = 256
	bucketsPerTwice = 8
)

func stayBucket(stayed time.Duration) int {
	if stayed < time.Second {
		return 0
	}
	return min(1+int(bucketsPerTwice*math.Log2(stayed.Seconds())), stayBuckets-1)
}

// stayStart returns where a bucket begins.
func stayStart(bucket float64) time.Duration {
	if bucket <= 0 {
		return 0
	}
	return time.Duration(math.Exp2((bucket-1)/bucketsPerTwice) * float64(time.Second))
}

// Count returns how many stays there were.
func (s *Stays) Count() int64 {
	var sum int64
	for _, n := range s {
		sum += n
	}
	return sum
}

// Median returns the time after which half of those who left had left; zero if nobody has. Within the bucket that holds
// it, stays are taken to be spread evenly on the scale of the buckets.
func (s *Stays) Median() time.Duration {
	half, before := float64(s.Count())/2, 0.0
	if half == 0 {
		return 0
	}
	for bucket, n := range s {
		if before+float64(n) >= half {
			if bucket == 0 {
				return 0
			}
			return stayStart(float64(bucket) + (half-before)/float64(n))
		}
		before += float64(n)
	}
	return 0
}

// addStay counts how long the customer was in the stage that was left.
func addStay(tx store.Tx, f *lifecycle.Fact) {
	key := counterKey(f.Journey, metricStayed, f.From)
	var stays Stays
	stays.read(tx.Get(key))
	stays[stayBucket(f.Stayed)]++
	tx.Set(key, stays.append(nil))
}

// append writes the buckets that are not empty, each as its number and its count.
func (s *Stays) append(data []byte) []byte {
	for bucket, n := range s {
		if n != 0 {
			data = binary.AppendUvarint(append(data, byte(bucket)), uint64(n))
		}
	}
	return data
}

// read adds what append wrote; what is not of its make is passed over.
func (s *Stays) read(data []byte) {
	for len(data) > 0 {
		n, size := binary.Uvarint(data[1:])
		if size <= 0 {
			return
		}
		s[data[0]] += int64(n)
		data = data[1+size:]
	}
}
