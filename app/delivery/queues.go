package delivery

import (
	"bytes"
	"context"
	"strings"

	"stagecraft/app/lifecycle"
	"stagecraft/app/store"
)

// MaxQueued is how far the messages of a channel that have not left are counted.
const MaxQueued = 10_000

// queuesOf asks a partition how many messages of each channel have not left, beside those that were counted already.
type queuesOf struct{ counted map[string]int }

// queues goes through the lanes, and then through what brakes and pauses hold. Of a channel that is counted to its end it reads
// one key of each lane.
func queues(tx store.Reader, q queuesOf) map[string]int {
	count := map[string]int{}
	for _, kind := range []byte{'o', parkedKind} {
		for from := []byte{kind}; from != nil; {
			var prefix []byte
			channel := ""
			tx.Scan(from, store.PrefixEnd([]byte{kind}), func(key, _ []byte) bool {
				switch {
				case prefix == nil:
					prefix = bytes.Clone(key[:laneEnd(kind, key)])
					channel = channelIn(kind, prefix)
				case !bytes.HasPrefix(key, prefix):
					return false
				}
				if q.counted[channel]+count[channel] >= MaxQueued {
					return false
				}
				count[channel]++
				return true
			})
			from = nil
			if prefix != nil {
				from = store.PrefixEnd(prefix)
			}
		}
	}
	return count
}

// laneEnd returns where, in a key of a lane or of what is parked, the lane's name has ended.
func laneEnd(kind byte, key []byte) int {
	end := bytes.IndexByte(key, 0) + 1
	if kind == parkedKind { // its holder stands before
		end += bytes.IndexByte(key[end:], 0) + 1
	}
	return end
}

// channelIn returns the channel of the lane that a prefix of such keys ends with.
func channelIn(kind byte, prefix []byte) string {
	name := prefix[1 : len(prefix)-1]
	if kind == parkedKind {
		name = name[bytes.IndexByte(name, 0)+1:]
	}
	channel, _, _ := strings.Cut(string(name), "/")
	return channel
}

// Queues returns how many messages of each channel have not left: those that wait, and those in doubt that wait for somebody's
// decision. A channel that is not connected counts too. MaxQueued means that many or more.
func (d *Delivery) Queues(ctx context.Context) (map[string]int, error) {
	all := map[string]int{}
	for p := range d.store.Partitions() {
		answer, err := d.store.Ask(ctx, p, queuesOf{all})
		if err != nil {
			return nil, err
		}
		for channel, n := range answer.(map[string]int) {
			all[channel] += n
		}
	}
	return all, nil
}

// hasQueue reports whether messages of a channel have not left.
func (d *Delivery) hasQueue(ctx context.Context, channel string) (bool, error) {
	if !lifecycle.IsChannelName(channel) {
		return false, nil
	}
	all, err := d.Queues(ctx)
	return all[channel] > 0, err
}
