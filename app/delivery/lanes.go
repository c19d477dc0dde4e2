package delivery

import (
	"bytes"
	"math"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"stagecraft/app/channels"
	"stagecraft/app/lifecycle"
	"stagecraft/app/store"
)

// A channel has a lane for each priority. Each lane has senders and a place in the outbox of its own, so that what is in
// one, however much, is not waited for in another.
const (
	owedLane      = "/0" // what customers are owed
	marketingLane = "/1" // marketing
	directLane    = "/2" // what another program asks for now
)

// lanesOf names the lanes of a channel.
func lanesOf(channel string) []string {
	return []string{channel + directLane, channel + owedLane, channel + marketingLane}
}

// laneOf names the lane of a message.
func laneOf(m *lifecycle.Message) string {
	switch {
	case m.Direct:
		return m.Channel + directLane
	case m.Kind == lifecycle.Transactional:
		return m.Channel + owedLane
	}
	return m.Channel + marketingLane
}

const never = math.MaxInt64

// lane is one channel and priority: which partitions have something due, and when.
type lane struct {
	name      string
	connector Connector
	direct    bool          // its messages do not wait for those of other lanes
	line      chan struct{} // holds the one of its senders that waits to be admitted; the others stand behind
	paused    atomic.Bool   // nothing is claimed; what was claimed before still leaves
	vacant    atomic.Bool   // there is no connector for the time being: nothing is claimed, and nobody looks
	mu        sync.Mutex
	owned     [lifecycle.Partitions]bool
	held      [lifecycle.Partitions]bool // the channel is paused there, see holdLanes
	busy      [lifecycle.Partitions]bool // a claim is under way
	due       [lifecycle.Partitions]int64
	waiting   [lifecycle.Partitions]int    // about how many entries are due, to gather a batch from few partitions
	from      [lifecycle.Partitions][]byte // where the next claim begins
	room      int                          // how many may be claimed as they are decided: many for a connector that answers promptly, none for a slow one
	senders   int                          // how many of the senders may work, likewise
	size      int                          // how many messages a call may have, so that the connector answers soon, see adapt.go
	working   int
	calls     []time.Time // when those calls of the connector began that are under way
	beside    int         // how many of them are of one message beside others that are stuck
	apart     bool        // the last such message was not
	handed    []outgoing  // claimed when they were decided
	mass      int         // bytes of what is handed or under way
	batches   int         // so many were looked for
	turn      int         // where the next search starts, so that no partition starves
	wake      chan struct{}
}

func newLane(name string, connector Connector) *lane {
	l := &lane{name: name, connector: connector, direct: strings.HasSuffix(name, directLane), line: make(chan struct{}, 1),
		wake: make(chan struct{}, maxSenders), senders: 2 * minSenders, size: firstSize}
	for p := range l.due {
		l.due[p] = never
	}
	return l
}

// hint says that a partition has something due at a moment.
func (l *lane) hint(partition int, due time.Time) {
	l.mu.Lock()
	at := due.UnixNano()
	earlier := at < l.due[partition]
	if earlier {
		l.due[partition] = at
	}
	l.waiting[partition]++
	// What comes in before the place that claims have reached must not be passed over.
	if place := store.AppendTime(nil, due); bytes.Compare(place, l.from[partition]) < 0 {
		l.from[partition] = place
	}
	l.mu.Unlock()
	if earlier {
		l.rouse()
	}
}

// own lets or forbids claims from a partition. What became due while nobody was allowed to claim it is not forgotten.
func (l *lane) own(partition int, owned bool) {
	l.mu.Lock()
	l.owned[partition] = owned
	waiting := owned && l.due[partition] != never
	l.mu.Unlock()
	if waiting {
		l.rouse()
	}
}

// hold closes or opens a partition's part of the lane.
func (l *lane) hold(partition int, held bool) {
	l.mu.Lock()
	l.held[partition] = held
	waiting := !held && l.owned[partition] && l.due[partition] != never
	l.mu.Unlock()
	if waiting {
		l.rouse()
	}
}

// rouse wakes one sender, or lets the next one that would sleep look again.
func (l *lane) rouse() {
	select {
	case l.wake <- struct{}{}:
	default: // all of them are roused already
	}
}

// outgoing is a message that was claimed.
type outgoing struct {
	channels.Outgoing
	message   *lifecycle.Message // as it was claimed, without its event
	atOnce    bool               // in the commit that decided it
	heir      time.Time          // its customer has become part of another one, who is to be asked; it is in doubt since then
	claimed   time.Time
	partition int
}

// mass is about how many bytes of memory a message takes on its way.
func (o *outgoing) mass() int { return 1<<10 + len(o.Subject) + len(o.Text) + len(o.HTML) }

// massOf is what a batch takes.
func massOf(batch []outgoing) (sum int) {
	for i := range batch {
		sum += batch[i].mass()
	}
	return sum
}

// weigh counts what is under way from now on, or is not any more.
func (l *lane) weigh(mass int) {
	l.mu.Lock()
	l.mass += mass
	l.mu.Unlock()
}

// picked is a partition to claim from.
type picked struct {
	partition int
	from      []byte
	limit     int
}

// work is about how many messages could be sent now; with none, it returns when there is something to look for.
func (l *lane) work(now time.Time) (n int, next time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	n = len(l.handed)
	at, earliest := now.UnixNano(), int64(never)
	for p := range lifecycle.Partitions {
		switch {
		case !l.owned[p] || l.held[p] || l.busy[p] || l.paused.Load():
		case l.due[p] <= at:
			n += max(l.waiting[p], 1)
		default:
			earliest = min(earliest, l.due[p])
		}
	}
	if next = now.Add(time.Hour); earliest != never {
		next = time.Unix(0, earliest)
	}
	return n, next
}

// pick takes partitions that have something due now, no more than fill a batch of so many. It also returns when the next one has.
func (l *lane) pick(now time.Time, room int) (picks []picked, next time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	at, earliest := now.UnixNano(), int64(never)
	for i := range lifecycle.Partitions {
		p := (l.turn + i) % lifecycle.Partitions
		if !l.owned[p] || l.held[p] || l.busy[p] {
			continue
		}
		if l.due[p] > at || room == 0 || len(picks) == maxPartitions {
			earliest = min(earliest, l.due[p])
			continue
		}
		limit := min(max(l.waiting[p], 1), room)
		room -= limit
		picks = append(picks, picked{p, l.from[p], limit})
		l.busy[p], l.due[p], l.waiting[p], l.from[p] = true, never, 0, lastPlace
	}
	if len(picks) > 0 {
		l.turn = (picks[len(picks)-1].partition + 1) % lifecycle.Partitions
	}
	if earliest != never {
		next = time.Unix(0, earliest)
	}
	return picks, next
}

// lastPlace is behind every entry: hints that come while a claim is under way put something lower in its place.
var lastPlace = bytes.Repeat([]byte{0xff}, 32)

// unpick gives a partition back: the next claim begins at from, unless a hint in between has named something earlier.
func (l *lane) unpick(partition int, from []byte, next, now time.Time) {
	l.mu.Lock()
	l.busy[partition] = false
	if bytes.Compare(from, l.from[partition]) < 0 {
		l.from[partition] = from
	}
	if !next.IsZero() {
		l.due[partition] = min(l.due[partition], next.UnixNano())
		if !next.After(now) { // there was more than the limit
			l.waiting[partition] = maxBatch
		}
	}
	waiting := l.due[partition] != never
	l.mu.Unlock()
	if waiting { // a hint that came while the claim was under way found the partition busy
		l.rouse()
	}
}

// maxBeside is how many calls of one message may be stuck beside others, where one such call was not: if the connector hangs after
// all, no more than these are in doubt.
const maxBeside = 4

// begin takes one of the places of senders that may work, and says how many messages it may take at most; 0: there is none. Beyond
// the first few, a sender is worth its while only for a full batch: a call of the connector costs nearly the same for one message as
// for a hundred. But while all who work are stuck, one more may find out with one message whether that is so of the connector, or only
// of those whom their messages are for, such as receivers of webhooks that do not answer. What is for others does not wait for them.
func (l *lane) begin(now time.Time) (most int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	backlog := len(l.handed)
	for _, waiting := range l.waiting {
		backlog += waiting
	}
	usual := min(l.senders, minSenders+backlog/maxBatch)
	switch {
	case l.working >= minSenders && l.mass >= maxHandedMass:
		return 0
	case l.working < usual:
		most = maxBatch
	case (l.beside == 0 || l.apart && l.beside < maxBeside) && l.stuck(l.working, now):
		most = 1
	default:
		return 0
	}
	l.working++
	return most
}

// stuck reports whether so many senders all wait for the connector for long. l.mu is held.
func (l *lane) stuck(senders int, now time.Time) bool {
	return len(l.calls) >= max(senders, minSenders) && !slices.ContainsFunc(l.calls, func(begun time.Time) bool { return now.Sub(begun) < slowly })
}

// call notes that a call of the connector begins now, and reports whether it is one of a message beside others that are stuck.
func (l *lane) call(n int, now time.Time) (beside bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	beside = n == 1 && l.stuck(l.working-1, now)
	l.calls = append(l.calls, now)
	if beside {
		l.beside++
	}
	return beside
}

// called notes that a call has come back which began then, and whether it did promptly.
func (l *lane) called(begun time.Time, beside, prompt bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	i := slices.Index(l.calls, begun)
	l.calls = slices.Delete(l.calls, i, i+1)
	if beside {
		l.beside--
		l.apart = prompt
	}
}

func (l *lane) end() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.working--; l.working == 0 {
		l.apart = false // what hangs next may be the connector
	}
}

// open reports whether a message that is due now may be claimed as it is decided: the connector answers promptly, little
// is on its way, and the partition has no backlog that would be overtaken for long. Some may be: what is claimed at once
// costs much less than what goes through the outbox, and a lane that closed at the first message that waits would never
// catch up again.
func (l *lane) open(partition int, due time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return !l.paused.Load() && !l.vacant.Load() && len(l.handed) < l.room && l.mass < maxHandedMass && l.owned[partition] && !l.held[partition] && l.waiting[partition] < maxBehind &&
		l.due[partition] > due.Add(-overtaken).UnixNano()
}

// hand gives the senders a message that was claimed when it was decided.
func (l *lane) hand(out outgoing) {
	l.mu.Lock()
	l.handed = append(l.handed, out)
	l.mass += out.mass()
	l.mu.Unlock()
	l.rouse()
}

// take returns at most so many of what was handed over.
func (l *lane) take(most int) []outgoing {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := min(len(l.handed), most)
	batch := l.handed[:n:n]
	if l.handed = l.handed[n:]; len(l.handed) == 0 {
		l.handed = nil
	}
	return batch
}
