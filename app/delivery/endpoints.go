package delivery

import (
	"cmp"
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"stagecraft/app/lifecycle"
	"stagecraft/app/store"
)

// An endpoint is where webhooks go: an address without its query. One that has taken nothing for five days is paused, as an
// operator would pause it: what is for it waits, and costs nothing. Once a day it gets a chance; what it takes then lets
// everything go on. Each endpoint has a record while it fails, in the partition of its hash:
//
//	g endpoint hash -> endpoint
const (
	endpointPatience = 5 * 24 * time.Hour
	endpointTrial    = 24 * time.Hour      // from a pause to the next chance
	endpointLife     = 30 * 24 * time.Hour // of a record about which nothing more was heard
	leastFailures    = 5                   // that are remembered, before a pause
	rememberEvery    = time.Minute         // failures of an endpoint are written down at most that often
	maxEndpoint      = 300                 // bytes
	maxEndpoints     = 256                 // that fail, of one partition; more are not looked after
)

// Endpoint is one that fails at present.
type Endpoint struct {
	Endpoint string    `json:"endpoint" msgpack:"e"`
	Since    time.Time `json:"since" msgpack:"s"` // of the first failure after the last success
	Last     time.Time `json:"last" msgpack:"l"`
	Failures int       `json:"failures" msgpack:"f"`                  // at most one a minute is counted
	Reason   string    `json:"reason" msgpack:"r"`                    // of the last one
	Paused   time.Time `json:"paused,omitzero" msgpack:"p,omitempty"` // or last given a chance
}

// hopeless reports whether it has failed for so long that it is paused.
func (e *Endpoint) hopeless() bool {
	return e.Last.Sub(e.Since) >= endpointPatience && e.Failures >= leastFailures
}

// endpointOf returns the endpoint of a webhook; "" for other messages. A very long one is named by its host and its hash.
func endpointOf(m *lifecycle.Message) string {
	if m.Channel != webhookChannel {
		return ""
	}
	address, err := url.Parse(m.Options["url"])
	if err != nil {
		return ""
	}
	return endpointAt(address)
}

// longPath stands in the names of very long endpoints.
const longPath = "/…"

func endpointAt(address *url.URL) string {
	endpoint := strings.ToLower(address.Scheme+"://"+address.Host) + address.EscapedPath()
	if len(endpoint) > maxEndpoint {
		hash := lifecycle.HashID("endpoint", endpoint)
		host := address.Scheme + "://" + address.Host
		endpoint = host[:min(len(host), maxEndpoint-40)] + longPath + hash.String()
	}
	return endpoint
}

// endpointNamed returns the endpoint that somebody names by its address, whichever way that is written, or by its name; an error if it
// is no address.
func endpointNamed(text string) (string, error) {
	address, err := url.Parse(text)
	switch {
	case text == "":
		return "", nil
	case err != nil || address.Scheme == "" || address.Host == "":
		return "", &lifecycle.Error{Code: lifecycle.Invalid, Field: "endpoint", Message: "endpoint is no address",
			Hint: "write it like https://hooks.example.com/orders"}
	case strings.Contains(text, longPath):
		return text, nil
	}
	return endpointAt(address), nil
}

func endpointPlace(endpoint string) lifecycle.ID { return lifecycle.HashID("endpoint", endpoint) }

func endpointKey(place lifecycle.ID) []byte { return append([]byte{'g'}, place[:]...) }

// endpointSeen is the input "this is how an endpoint is". Its answer is the Endpoint as it stands then; the zero one if it
// does not fail.
type endpointSeen struct {
	Endpoint string
	At       time.Time
	OK       bool
	Trial    bool // it gets a chance; nothing is known of how it is
	Reason   string
}

func (d *Delivery) endpointSeen(tx store.Tx, in endpointSeen) (Endpoint, error) {
	key := endpointKey(endpointPlace(in.Endpoint))
	if in.OK {
		if tx.Has(key) {
			tx.Delete(key)
		}
		return Endpoint{}, nil
	}
	e := Endpoint{Endpoint: in.Endpoint, Since: in.At}
	if data := tx.Get(key); data != nil {
		if err := store.Decode(data, &e); err != nil {
			return e, lifecycle.Wrap(lifecycle.Internal, err, "what is known of an endpoint cannot be read")
		}
	} else if in.Trial || !makeRoom(tx, in.At) {
		return Endpoint{}, nil
	}
	if in.Trial {
		e.Paused = in.At // the next chance is as far away again, unless something is taken
	} else {
		e.Last, e.Reason = in.At, in.Reason
		e.Failures++
		if e.hopeless() {
			e.Paused = in.At
		}
	}
	tx.Set(key, store.Encode(&e))
	return e, nil
}

// makeRoom reports whether there is room for one more endpoint, and forgets those that nothing was heard of any more.
func makeRoom(tx store.Tx, at time.Time) bool {
	known, err := readEndpoints(tx)
	if err != nil {
		return false
	}
	n := len(known)
	for _, e := range known {
		if at.Sub(e.Last) > endpointLife {
			tx.Delete(endpointKey(endpointPlace(e.Endpoint)))
			n--
		}
	}
	return n < maxEndpoints
}

// failingEndpoints asks for the endpoints of a partition that fail.
type failingEndpoints struct{}

func readEndpoints(tx store.Reader) (all []Endpoint, failed error) {
	prefix := []byte{'g'}
	tx.Scan(prefix, store.PrefixEnd(prefix), func(_, value []byte) bool {
		var e Endpoint
		if failed = store.Decode(value, &e); failed != nil {
			failed = lifecycle.Wrap(lifecycle.Internal, failed, "what is known of an endpoint cannot be read")
			return false
		}
		all = append(all, e)
		return true
	})
	return all, failed
}

// endpoints are those that fail, at hand: nearly always there are none, and nothing is asked of the store.
type endpoints struct {
	mu      sync.Mutex
	failing map[string]Endpoint
	wake    chan struct{} // there is another pause
}

func newEndpoints() *endpoints {
	return &endpoints{failing: map[string]Endpoint{}, wake: make(chan struct{}, 1)}
}

// put keeps what is known of an endpoint.
func (s *endpoints) put(name string, e Endpoint) {
	s.mu.Lock()
	if e.Endpoint == "" {
		delete(s.failing, name)
	} else {
		s.failing[name] = e
	}
	s.mu.Unlock()
	if !e.Paused.IsZero() {
		select {
		case s.wake <- struct{}{}:
		default:
		}
	}
}

// worth reports whether an attempt says something about its endpoint that has to be written down.
func (s *endpoints) worth(name string, ok bool, now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	e, fails := s.failing[name]
	if ok {
		return fails
	}
	if fails && now.Sub(e.Last) < rememberEvery {
		return false
	}
	e.Endpoint, e.Last = name, now // nobody else has to
	s.failing[name] = e
	return true
}

func (s *endpoints) none() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.failing) == 0
}

// loadEndpoints takes up what an earlier start of the program knew.
func (d *Delivery) loadEndpoints(ctx context.Context, p int) {
	answer, err := d.store.Ask(ctx, p, failingEndpoints{})
	if err != nil {
		if ctx.Err() == nil {
			d.log.Warn("it cannot be read which endpoints of webhooks fail", "partition", p, "error", err)
		}
		return
	}
	for _, e := range answer.([]Endpoint) {
		d.endpoints.put(e.Endpoint, e)
	}
}

// watchEndpoints looks at what became of a batch of webhooks. Only what an endpoint itself did counts, not what became of
// the connector.
func (d *Delivery) watchEndpoints(ctx context.Context, batch []outgoing, receipts []lifecycle.Receipt, now time.Time) {
	var seen []endpointSeen
	none := d.endpoints.none()
	for i := range min(len(batch), len(receipts)) {
		r := &receipts[i]
		ok := r.Outcome == lifecycle.OutcomeAccepted
		if ok && none || !ok && r.Reply == nil {
			continue
		}
		if name := endpointOf(batch[i].message); name != "" && d.endpoints.worth(name, ok, now) {
			seen = append(seen, endpointSeen{Endpoint: name, At: now, OK: ok, Reason: r.Reason})
		}
	}
	if len(seen) > 0 {
		d.tellEndpoints(ctx, seen)
	}
}

// tellEndpoints writes down what was seen, and pauses what is hopeless.
func (d *Delivery) tellEndpoints(ctx context.Context, seen []endpointSeen) {
	items := make([]store.Item, len(seen))
	for i, s := range seen {
		items[i] = store.Item{Partition: endpointPlace(s.Endpoint).Partition(), Input: s}
	}
	for i, answer := range d.store.DoAll(ctx, items) {
		if answer.Err != nil {
			d.log.Warn("how an endpoint of webhooks is could not be written down", "endpoint", seen[i].Endpoint, "error", answer.Err)
			continue
		}
		e := answer.Answer.(Endpoint)
		d.endpoints.put(seen[i].Endpoint, e)
		if seen[i].OK || seen[i].Trial || e.Paused.IsZero() {
			continue
		}
		why := fmt.Sprintf("it has taken nothing since %s and is tried once a day: %s", e.Since.UTC().Format(time.DateOnly), e.Reason)
		if err := d.PauseMessages(ctx, Target{Channel: webhookChannel, Endpoint: e.Endpoint}, pausedBy, why); err != nil {
			d.log.Warn("an endpoint of webhooks that fails could not be paused", "endpoint", e.Endpoint, "error", err)
			continue
		}
		d.log.Warn("an endpoint of webhooks has failed for days and is paused", "endpoint", e.Endpoint, "since", e.Since, "reason", e.Reason)
	}
}

// mindEndpoints gives paused endpoints their chances until ctx ends.
func (d *Delivery) mindEndpoints(ctx context.Context) {
	for ctx.Err() == nil {
		now := d.clock.Now()
		next := now.Add(endpointTrial)
		var due []string
		d.endpoints.mu.Lock()
		for name, e := range d.endpoints.failing {
			switch at := e.Paused.Add(endpointTrial); {
			case e.Paused.IsZero():
			case at.After(now):
				next = earlier(next, at)
			default:
				due = append(due, name)
			}
		}
		d.endpoints.mu.Unlock()
		due = append(due, d.forgotten(ctx)...)
		for _, name := range due {
			// First the record: what is let go may fail, and be paused again, before the next line is reached.
			d.tellEndpoints(ctx, []endpointSeen{{Endpoint: name, At: now, Trial: true}})
			if err := d.everywhere(ctx, resume{Target{Channel: webhookChannel, Endpoint: name}, pausedBy, pausedBy, now}); err != nil && ctx.Err() == nil {
				d.log.Warn("an endpoint of webhooks could not be given its chance", "endpoint", name, "error", err)
			}
		}
		lifecycle.Sleep(ctx, d.clock, next, d.endpoints.wake)
	}
}

// forgotten returns the endpoints that are paused because they fail, and of which nothing is known: one has taken
// something while another message to it failed, or nothing was heard of it for long.
func (d *Delivery) forgotten(ctx context.Context) (names []string) {
	orders, err := d.Orders(ctx)
	if err != nil {
		return nil
	}
	for _, o := range orders.Pauses {
		if o.By == pausedBy && o.Endpoint != "" {
			names = append(names, o.Endpoint)
		}
	}
	if len(names) == 0 {
		return nil
	}
	known, err := d.Endpoints(ctx)
	if err != nil {
		return nil
	}
	return slices.DeleteFunc(names, func(name string) bool {
		return slices.ContainsFunc(known, func(e Endpoint) bool { return e.Endpoint == name })
	})
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// Endpoints returns the endpoints of webhooks that fail at present, the one that fails longest first.
func (d *Delivery) Endpoints(ctx context.Context) ([]Endpoint, error) {
	all := []Endpoint{}
	for p := range d.store.Partitions() {
		answer, err := d.store.Ask(ctx, p, failingEndpoints{})
		if err != nil {
			return nil, err
		}
		all = append(all, answer.([]Endpoint)...)
	}
	slices.SortFunc(all, func(a, b Endpoint) int {
		return cmp.Or(a.Since.Compare(b.Since), cmp.Compare(a.Endpoint, b.Endpoint))
	})
	return all, nil
}
