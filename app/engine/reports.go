package engine

import (
	"context"
	"maps"
	"sync"
	"time"

	"stagecraft/app/lifecycle"
	"stagecraft/app/store"
)

// Bounds of the reports that wait to be stored.
const (
	maxReports   = 4096 // more, and whoever reports waits
	reportsAtOne = 256  // stored together
	maxReason    = 500  // bytes of a reason or a fact that are kept; connectors may be wordy
	maxFacts     = 16
)

// Report takes a report, to be stored soon: TakeReports does that. It waits while too many are under way.
func (e *Engine) Report(r Report) {
	if in, ok := e.heard(r); ok {
		e.reports <- in
	}
}

// Keep stores reports and returns when they are on disk.
func (e *Engine) Keep(ctx context.Context, reports []Report) {
	var batch []told
	for _, r := range reports {
		if in, ok := e.heard(r); ok {
			batch = append(batch, in)
		}
	}
	e.storeReports(ctx, batch)
}

// heard takes what is known of a report, within bounds.
func (e *Engine) heard(r Report) (told, bool) {
	switch r.Event {
	case "delivered", "bounced", "complained", "opened", "clicked", "replied", "dismissed", "unsubscribed", "subscribed":
	default:
		e.log.Warn("a connector reported what is not known and was not heard", "channel", r.Channel, "event", cut(r.Event))
		return told{}, false
	}
	r.Reason = cut(r.Reason)
	data := make(map[string]string, len(r.Data))
	for name, value := range r.Data {
		if len(data) == maxFacts {
			break
		}
		if len(name) > lifecycle.MaxNameBytes {
			continue
		}
		if name == "url" { // it was signed, or is as long as the connector's own limits
			value = e.withoutCodes(value, "code", e.clock.Now())
		} else {
			value = cut(value)
		}
		data[name] = value
	}
	r.Data = data
	return told{Report: r, Now: e.clock.Now()}, true
}

// TakeReports stores reports, and what was seen, until ctx ends, and then those that are left. It is run once, as long as
// the connectors.
func (e *Engine) TakeReports(ctx context.Context) {
	var seen sync.WaitGroup
	seen.Go(func() { e.releaseLooks(ctx) })
	defer seen.Wait()
	for {
		var batch []told
		select {
		case r := <-e.reports:
			batch = append(batch, r)
		case <-ctx.Done():
		}
		for more := true; more && len(batch) < reportsAtOne; {
			select {
			case r := <-e.reports:
				batch = append(batch, r)
			default:
				more = false
			}
		}
		if len(batch) == 0 {
			return // ctx has ended, and there are no more
		}
		e.storeReports(ctx, batch)
	}
}

// storeReports stores a batch. While the disk is full it waits for room. A STOP holds for the address it came from, also where it
// names a message; what names one that is gone is about its address.
func (e *Engine) storeReports(ctx context.Context, batch []told) {
	finish := context.WithoutCancel(ctx)
	var items []store.Item
	for _, r := range batch {
		e.resolve(ctx, &r.Report)
		code, begins := e.startCode(&r)
		switch {
		case !r.Message.IsZero():
			items = append(items, store.Item{Partition: r.Message.Partition, Input: r})
			if (r.Event == "unsubscribed" || r.Event == "subscribed") && r.From != "" {
				items = append(items, e.aboutAddress(finish, r)...)
			}
		case r.From != "":
			var begun lifecycle.ID
			if begins {
				begun = e.begun(ctx, &r, code)
			}
			items = append(items, e.aboutAddress(finish, r)...)
			if !begun.IsZero() {
				items = append(items, r.startedBy(begun))
			}
		}
	}
	for len(items) > 0 {
		var left, elsewhere []store.Item
		for i, result := range e.store.DoAll(finish, items) {
			switch code := lifecycle.CodeOf(result.Err); {
			case code == "":
			case code == lifecycle.Full && ctx.Err() == nil:
				left = append(left, items[i])
			case code == lifecycle.NotFound: // made up, or long gone; as often as whoever reports likes
				e.log.Debug("a report was about nothing that is known", "error", result.Err)
				if r, is := items[i].Input.(told); is && r.From != "" && !r.byAddress && r.Event != "unsubscribed" && r.Event != "subscribed" {
					r.Message = lifecycle.Ref{}
					elsewhere = append(elsewhere, e.aboutAddress(finish, r)...)
				}
			case code == lifecycle.Forbidden:
				if r, is := items[i].Input.(told); is {
					e.disbelieved(r, result.Err)
				}
			default:
				e.log.Warn("a report could not be taken", "error", result.Err)
			}
		}
		if len(left) > 0 {
			_ = lifecycle.WallClock{}.Wait(ctx, time.Now().Add(time.Second))
		}
		items = append(left, elsewhere...)
	}
}

// answeredWithin is how long after a message an answer that names none is taken as one to it.
const answeredWithin = 7 * 24 * time.Hour

// aboutAddress makes inputs of a report that is about an address: for everyone to whom something went there, and for the
// address's own partition, which tells whoever else has it. Who shares a telephone shares its STOP. An answer is one to the
// newest message that went there of late, and whoever only has the address hears of it if nothing ever went there.
func (e *Engine) aboutAddress(ctx context.Context, r told) []store.Item {
	at := r.happened()
	var all []lifecycle.Addressee
	answered := -1
	for p := range lifecycle.Partitions {
		answer, err := e.store.Ask(ctx, p, writtenTo{r.Channel, r.From})
		if err != nil {
			e.log.Warn("to whom something went at an address could not be found out", "channel", r.Channel, "error", err)
			continue
		}
		for _, one := range answer.([]lifecycle.Addressee) {
			all = append(all, one)
			newest := answered < 0 || one.At.After(all[answered].At)
			if r.Event == string(lifecycle.Replied) && newest && !one.Last.IsZero() && at.Sub(one.At) <= answeredWithin {
				answered = len(all) - 1
			}
		}
	}
	alive := r.revives()
	in := reported(r.Report, at, r.Now, nil)
	in.Alive = alive
	if reason := keepsFrom(r.Report); reason != "" {
		in.Suppress = &lifecycle.Suppression{Channel: lifecycle.KindOf(r.Channel), Address: r.From, Reason: reason, At: r.Now}
	}
	var items []store.Item
	for i, one := range all {
		if i == answered {
			about := r
			about.Message, about.byAddress = one.Last, true
			items = append(items, store.Item{Partition: one.Last.Partition, Input: about})
			continue
		}
		items = append(items, store.Item{Partition: one.Customer.Partition(), Input: forCustomer(in, one.Customer)})
	}
	identity, ok := lifecycle.AddressIdentity(r.Channel, r.From)
	if ok && (r.Event != string(lifecycle.Replied) || len(all) == 0) {
		items = append(items, store.Item{Partition: identity.Hash().Partition(), Input: ofAddress{identity, in}})
	}
	return items
}

// happened is when it did, as far as is known.
func (r *told) happened() time.Time {
	if r.At.IsZero() || r.At.After(r.Now) {
		return r.Now
	}
	return r.At
}

// clockSkew is by how much a connector's or a provider's clock may be behind ours.
const clockSkew = 24 * time.Hour

// precedes reports whether a message was not there yet when this is said to have happened to it: the date is wrong, such as seconds
// in place of milliseconds. What somebody allows or refuses may be older than the message, and an answer that names none may be to
// another one.
func (r *told) precedes(m *lifecycle.Message) bool {
	isWord := r.Event == "unsubscribed" || r.Event == "subscribed"
	return !isWord && !r.byAddress && !m.Test && r.happened().Before(m.Decided.Add(-clockSkew))
}

func cut(text string) string {
	if len(text) <= maxReason {
		return text
	}
	return string([]rune(text[:maxReason])) // what was cut in two becomes a replacement character
}

// revives returns the address of which a report shows that it is alive; "" if it shows that of none. The event keeps it, so that
// a replay knows it too.
func (r *Report) revives() string {
	if r.Event != "subscribed" || r.From == "" {
		return ""
	}
	r.Data = maps.Clone(r.Data)
	if r.Data == nil {
		r.Data = map[string]string{}
	}
	r.Data["address"] = r.From
	return r.From
}
