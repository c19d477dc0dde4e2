package engine

import (
	"context"
	"sync"
	"time"

	"stagecraft/app/lifecycle"
)

// Programs that scan mail follow all links of a message at once, with the names of browsers. So what comes of our own links
// is held back for a moment: two links of one message within a second are no reader's work, and then nothing of that moment
// was. What one second of waiting costs, a script that waits for a click does not notice.
const (
	lookApart = time.Second     // links followed closer than this belong together
	lookLong  = 5 * time.Second // nothing is held back for longer
	maxLooks  = 4096            // messages looked at in one moment; what comes beyond is not held back
	maxHits   = 64              // of one message in one moment; what comes beyond says nothing new
)

// looks holds back what has just come of links and pictures, by message.
type looks struct {
	mu   sync.Mutex
	by   map[lifecycle.Ref]*look
	wake chan struct{} // there was nothing to wait for, and now is
}

// look is what came of one message within a moment.
type look struct {
	hits        []told
	first, last time.Time
}

// due returns when nothing more is expected of it.
func (l *look) due() time.Time {
	if end := l.first.Add(lookLong); l.last.Add(lookApart).After(end) {
		return end
	}
	return l.last.Add(lookApart)
}

// scanned reports whether several links were followed.
func (l *look) scanned() bool {
	first := ""
	for i := range l.hits {
		switch url := l.hits[i].Data["url"]; {
		case url == "" || url == first:
		case first == "":
			first = url
		default:
			return true
		}
	}
	return false
}

// Seen takes that a message was opened, or a link of it followed, as the server has seen it itself. It never waits: whoever
// follows a link must get on. It is stored within seconds by TakeReports; what a crash swallows by then was not seen.
func (e *Engine) Seen(r Report) {
	in, ok := e.heard(r)
	if !ok {
		return
	}
	in.At = in.Now
	e.looks.mu.Lock()
	defer e.looks.mu.Unlock()
	l := e.looks.by[r.Message]
	switch {
	case l == nil && len(e.looks.by) >= maxLooks:
		select {
		case e.reports <- in:
		default:
			e.log.Warn("more was opened and clicked than can be stored", "message", r.Message.ID)
		}
		return
	case l == nil:
		l = &look{first: in.At}
		e.looks.by[r.Message] = l
	case len(l.hits) >= maxHits:
		return
	}
	l.hits, l.last = append(l.hits, in), in.At
	if len(e.looks.by) == 1 {
		select {
		case e.looks.wake <- struct{}{}:
		default:
		}
	}
}

// take returns what need not be held back any longer, and when the next is due; zero: there is none.
func (l *looks) take(now time.Time, all bool) (hits []told, next time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for message, look := range l.by {
		due := look.due()
		if due.After(now) && !all {
			if next.IsZero() || due.Before(next) {
				next = due
			}
			continue
		}
		machine := look.scanned()
		for _, hit := range look.hits {
			hit.Machine = hit.Machine || machine
			hits = append(hits, hit)
		}
		delete(l.by, message)
	}
	return hits, next
}

// releaseLooks stores what was held back, until ctx ends, and then what is left.
func (e *Engine) releaseLooks(ctx context.Context) {
	for {
		over := ctx.Err() != nil
		hits, next := e.looks.take(e.clock.Now(), over)
		for len(hits) > 0 {
			n := min(len(hits), reportsAtOne)
			e.storeReports(ctx, hits[:n])
			hits = hits[n:]
		}
		if over {
			return
		}
		if next.IsZero() {
			next = time.Unix(1<<33, 0)
		}
		lifecycle.Sleep(ctx, e.clock, next, e.looks.wake)
	}
}
