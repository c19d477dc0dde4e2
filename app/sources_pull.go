package app

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"stagecraft/app/engine"
	"stagecraft/app/lifecycle"
	"stagecraft/app/script"
	"stagecraft/app/store"
	"stagecraft/app/web"
)

// Bounds of what is fetched.
const (
	fetchTimeout   = 5 * time.Minute
	maxFetched     = 256 << 20 // bytes, as they come and unpacked
	fetchRedirects = 3
	fetchChunk     = 500 // events that are given to the engine at once
	fetchPatience  = 100 // tries of a chunk while the engine is busy
	leastRetry     = time.Minute
)

// taker gives events to the engine.
type taker func(context.Context, []lifecycle.Event) ([]store.Result, error)

// newFetcher returns the client for what sources fetch, over a transport that guards the own network.
func newFetcher(transport http.RoundTripper) *http.Client {
	return &http.Client{Transport: transport, Timeout: fetchTimeout, CheckRedirect: func(next *http.Request, via []*http.Request) error {
		first := via[0]
		switch {
		case len(via) > fetchRedirects:
			return fmt.Errorf("it leads on more than %d times", fetchRedirects)
		case first.URL.Scheme == "https" && next.URL.Scheme != "https":
			return errors.New("it leads from https to an address that is not")
		}
		next.Header.Del("Referer") // the address may hold a secret
		if next.URL.Host != first.URL.Host || next.URL.Scheme != first.URL.Scheme {
			next.Header = plainHeader() // and so may the source's own headers, which are for the host that it names
		}
		return nil
	}}
}

// plainHeader is what every request for a source says.
func plainHeader() http.Header {
	return http.Header{"User-Agent": {"Stagecraft"}, "Accept": {"text/csv, application/x-ndjson, application/json, */*;q=0.1"}}
}

// nextFetch returns when a source is fetched next. After failures it is tried sooner, each time after twice as long.
func nextFetch(pull *script.Pull, state *engine.SourceState) time.Time {
	wait := pull.Every
	if state.Failures > 0 {
		wait = min(pull.Every, leastRetry<<min(state.Failures-1, 10))
	}
	if state.Fetched.IsZero() {
		return time.Time{}
	}
	return state.Fetched.Add(wait)
}

// run fetches what is due, one source after the other, until ctx ends.
func (s *sources) run(ctx context.Context) {
	for ctx.Err() == nil {
		next := s.clock.Now().Add(time.Hour)
		s.mu.Lock()
		var pulls []*script.Intake
		for _, intake := range s.intakes {
			if intake.Pull != nil {
				pulls = append(pulls, intake)
			}
		}
		s.mu.Unlock()
		for _, intake := range pulls {
			state, err := s.state(ctx, intake.Name)
			if err != nil {
				next = s.clock.Now().Add(time.Second)
				continue
			}
			if due := nextFetch(intake.Pull, &state); !due.After(s.clock.Now()) {
				_, _ = s.fetch(ctx, intake) // it is noted with the source, and in the log
				next = s.clock.Now()
			} else if due.Before(next) {
				next = due
			}
		}
		lifecycle.Sleep(ctx, s.clock, next, s.wake)
	}
}

// Fetch fetches now what a source fetches by itself.
func (s *sources) Fetch(ctx context.Context, name string) (web.SourceFetched, error) {
	intake, err := s.intake(name)
	if err != nil {
		return web.SourceFetched{}, err
	}
	if intake.Pull == nil {
		return web.SourceFetched{}, lifecycle.Errorf(lifecycle.Invalid, "source %s fetches nothing", name)
	}
	done, err := s.fetch(ctx, intake)
	if err != nil {
		// The operator reads why, and decides whether to ask again: it is not this server that is busy.
		return done, lifecycle.Errorf(lifecycle.Conflict, "%s", err)
	}
	return done, nil
}

// fetch fetches a source once, and writes down how it went. What was taken before something failed stays taken; it is
// known when it comes again.
func (s *sources) fetch(ctx context.Context, intake *script.Intake) (web.SourceFetched, error) {
	s.fetching.Lock()
	defer s.fetching.Unlock()
	state, err := s.state(ctx, intake.Name)
	if err != nil {
		return web.SourceFetched{}, err
	}
	f := &fetch{sources: s, intake: intake, now: s.clock.Now(), state: state, known: map[lifecycle.ID]bool{}}
	kept, err := s.engine.SourceRejects(ctx, intake.Name)
	if err != nil {
		return f.done, err
	}
	for i := range kept {
		f.known[kept[i].ID] = true
	}
	if of := lifecycle.HashID(intake.Pull.URL, intake.Pull.Items, intake.Pull.Cursor, intake.Version).String(); f.state.Of != of {
		f.state.Of, f.state.ETag, f.state.Modified = of, "", "" // it is read anew, and what was taken is known
	}
	if of := lifecycle.HashID(intake.Pull.URL, intake.Pull.Items, intake.Pull.Cursor).String(); f.state.CursorOf != of {
		f.state.CursorOf, f.state.Cursor = of, "" // the values of another column, or another list, say nothing
	}
	ctx, cancel := context.WithTimeout(ctx, 2*fetchTimeout)
	defer cancel()
	failed := f.do(ctx)
	if failed != nil && ctx.Err() != nil && !errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return f.done, failed // the server stops: that says nothing of the source
	}
	f.state.Fetched, f.state.Problem = f.now, ""
	if f.state.Failures++; failed == nil {
		f.state.Failures = 0
	} else {
		f.state.Problem = failed.Error()
		s.log.Warn("a source could not be fetched and is tried again", "source", intake.Name, "error", failed)
	}
	done := context.WithoutCancel(ctx)
	s.change(intake.Name, func(known *engine.SourceState) {
		f.state.Requests, f.state.Events, f.state.Repeats, f.state.Refused = known.Requests, known.Events, known.Repeats, known.Refused
		f.state.Last = known.Last
		f.state.Refused += uint64(f.refused)
		*known = f.state
	})
	if err = s.engine.KeepSource(done, intake.Name, &f.state, f.rejects); err != nil {
		return f.done, err
	}
	return f.done, failed
}

// fetch is one fetch under way.
type fetch struct {
	*sources
	intake  *script.Intake
	now     time.Time
	state   engine.SourceState
	cursor  string // the greatest value seen
	events  []lifecycle.Event
	rows    []engine.SourceReject // where the events came from, in case they are not taken
	rejects []engine.SourceReject // the first of them
	known   map[lifecycle.ID]bool // rows that were not taken before either, or in this fetch
	refused int                   // those that are new
	done    web.SourceFetched
}

func (f *fetch) do(ctx context.Context) error {
	request, err := f.request(ctx)
	if err != nil {
		return err
	}
	response, err := f.client.Do(request)
	if err != nil {
		var failed *url.Error
		if errors.As(err, &failed) {
			err = failed.Err // without the address, which may hold a secret
		}
		return lifecycle.Wrap(lifecycle.Unavailable, err, "the address of source %s does not answer", f.intake.Name)
	}
	defer response.Body.Close()
	switch {
	case response.StatusCode == http.StatusNotModified:
		f.done.Unchanged = true
		return nil
	case response.StatusCode != http.StatusOK:
		return lifecycle.Errorf(lifecycle.Unavailable, "the address of source %s answers %s", f.intake.Name, response.Status)
	}
	f.cursor = f.state.Cursor
	unpacked, err := unpack(&io.LimitedReader{R: response.Body, N: maxFetched + 1})
	if err != nil {
		return err
	}
	limited := &io.LimitedReader{R: unpacked, N: maxFetched + 1}
	lines, err := linesOf(limited, f.intake.Pull.Items)
	if err != nil {
		return err
	}
	defer lines.Close()
	err = f.sources.rows.Read(f.intake.Name, lines, f.intake.Pull.Map, func(row SourceRow) error { return f.row(ctx, row) })
	if err == nil {
		err = f.flush(ctx)
	}
	if limited.N <= 0 {
		return lifecycle.Errorf(lifecycle.TooLarge, "source %s has more than %d MB; have it give less at once, with a cursor", f.intake.Name, maxFetched>>20)
	}
	if err != nil {
		return err
	}
	f.state.Cursor, f.state.ETag, f.state.Modified = f.cursor, response.Header.Get("ETag"), response.Header.Get("Last-Modified")
	return nil
}

func (f *fetch) request(ctx context.Context) (*http.Request, error) {
	pull := f.intake.Pull
	address, err := f.filled(pull.URL, url.QueryEscape)
	if err != nil {
		return nil, err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, lifecycle.Errorf(lifecycle.Invalid, "the address of source %s cannot be used", f.intake.Name) // not the cause: it quotes the address
	}
	request.Header = plainHeader()
	for name, text := range pull.Headers {
		if text, err = f.filled(text, func(s string) string { return s }); err != nil {
			return nil, err
		}
		request.Header.Set(name, text)
	}
	if f.state.ETag != "" {
		request.Header.Set("If-None-Match", f.state.ETag)
	}
	if f.state.Modified != "" {
		request.Header.Set("If-Modified-Since", f.state.Modified)
	}
	return request, nil
}

// filled puts values in the places of {cursor} and {secret:NAME}.
func (f *fetch) filled(text string, escape func(string) string) (string, error) {
	var out strings.Builder
	for {
		before, rest, found := strings.Cut(text, "{")
		name, after, closed := strings.Cut(rest, "}")
		out.WriteString(before)
		if !found {
			return out.String(), nil
		}
		secret, isSecret := strings.CutPrefix(name, "secret:")
		switch {
		case !closed || !isSecret && name != "cursor":
			return "", lifecycle.Errorf(lifecycle.Invalid, "source %s: {%.40s is neither {cursor} nor {secret:NAME}", f.intake.Name, rest)
		case isSecret:
			values, err := f.secret(f.intake.Name, secret)
			if err != nil {
				return "", err
			}
			out.WriteString(escape(values[0]))
		default:
			out.WriteString(escape(f.state.Cursor))
		}
		text = after
	}
}

// row takes one row, unless the cursor has passed it.
func (f *fetch) row(ctx context.Context, row SourceRow) error {
	if row.Err == nil {
		if value, has := cursorOf(row.Values, f.intake.Pull.Cursor); has {
			if f.state.Cursor != "" && before(value, f.state.Cursor) {
				return nil
			}
			if f.cursor == "" || before(f.cursor, value) {
				f.cursor = value
			}
		}
	}
	taken, err := eventsOf(f.intake, row, f.now)
	if err != nil {
		taken = script.Taken{Unfit: []error{err}}
	}
	for _, wrong := range taken.Unfit {
		f.reject(f.rejectOf(row, wrong.Error()))
	}
	for _, event := range taken.Events {
		if err := f.check(&event, false); err != nil {
			f.reject(f.rejectOf(row, err.Error()))
			continue
		}
		if event.Name != "" && !event.Timestamp.IsZero() && event.Timestamp.Before(f.now.Add(-f.intake.Pull.Within)) {
			f.state.Old++
			f.done.Old++
			continue
		}
		f.events, f.rows = append(f.events, event), append(f.rows, f.rejectOf(row, ""))
	}
	if f.done.Rejected >= engine.MaxRejects { // more are not kept, and behind the cursor they would be lost
		return lifecycle.Errorf(lifecycle.Invalid, "%d rows of source %s could not be taken; the first of them: %s", f.done.Rejected, f.intake.Name, f.rejects[0].Reason)
	}
	if len(f.events) >= fetchChunk {
		return f.flush(ctx)
	}
	return ctx.Err()
}

// eventsOf makes the events of a row, by its source's rules or by its function.
func eventsOf(intake *script.Intake, row SourceRow, now time.Time) (script.Taken, error) {
	if row.Err != nil {
		return script.Taken{}, row.Err
	}
	if len(intake.Pull.Map) == 0 {
		return intake.Row(row.Values, []byte(row.Text), now)
	}
	event := row.Event
	id := event.MessageID
	if id == "" {
		id = lifecycle.HashID("row", row.Text).String()
	}
	if event.MessageID = intake.Name + ":" + id; len(event.MessageID) > lifecycle.MaxNameBytes {
		event.MessageID = intake.Name + ":" + lifecycle.HashID("row id", id).String()
	}
	if event.Source, event.Public = intake.Name, intake.Open; event.Public {
		if err := event.ValidatePublic(); err != nil {
			return script.Taken{}, err
		}
	}
	return script.Taken{Events: []lifecycle.Event{event}}, nil
}

// flush gives the events to the engine, and waits while it is busy.
func (f *fetch) flush(ctx context.Context) error {
	events, rows := f.events, f.rows
	f.events, f.rows = nil, nil
	for try := 1; len(events) > 0; try++ {
		results, err := f.engine.ReceivePulled(ctx, f.intake.Name, events)
		if code := lifecycle.CodeOf(err); err != nil && (code != lifecycle.Busy || try >= fetchPatience) {
			return err
		}
		if err == nil {
			return f.settle(results, rows)
		}
		if err = (lifecycle.WallClock{}).Wait(ctx, time.Now().Add(100*time.Millisecond)); err != nil {
			return err
		}
	}
	return nil
}

func (f *fetch) settle(results []store.Result, rows []engine.SourceReject) error {
	accepted, repeats := 0, 0
	for i, result := range results {
		switch lifecycle.CodeOf(result.Err) {
		case "":
			if receipt, ok := result.Answer.(engine.Receipt); ok && receipt.Duplicate {
				repeats++
			} else {
				accepted++
			}
		case lifecycle.Busy, lifecycle.Unavailable, lifecycle.Full, lifecycle.Internal:
			return result.Err // nothing goes on behind it: the cursor stays where it is
		default:
			rows[i].Reason = result.Err.Error()
			f.reject(rows[i])
		}
	}
	f.done.Accepted += accepted
	f.done.Repeats += repeats
	f.change(f.intake.Name, func(state *engine.SourceState) {
		state.Requests++
		state.Events += uint64(accepted)
		state.Repeats += uint64(repeats)
		if accepted > 0 {
			state.Last = f.now
		}
	})
	return nil
}

func (f *fetch) rejectOf(row SourceRow, reason string) engine.SourceReject {
	body := []byte(row.Text)
	if row.Head != "" {
		body = []byte(row.Head + "\n" + row.Text)
	}
	if len(body) > maxKeptBody {
		body = nil
	}
	return engine.SourceReject{ID: lifecycle.HashID("reject", f.intake.Name, row.Text), At: f.now, Reason: reason, Line: row.Line, Row: true, Body: body}
}

// reject keeps a row that was not taken. It counts once, for as long as it is kept and stands there as it was.
func (f *fetch) reject(reject engine.SourceReject) {
	if f.done.Rejected++; !f.known[reject.ID] {
		f.known[reject.ID] = true
		f.refused++
	}
	if len(f.rejects) < engine.MaxRejects {
		f.rejects = append(f.rejects, reject)
	}
}

// again takes a row once more that was not taken.
func (s *sources) again(ctx context.Context, name string, reject engine.SourceReject) (answer web.SourceAnswer, err error) {
	intake, err := s.intake(name)
	if err != nil {
		return answer, err
	}
	if intake.Pull == nil {
		return answer, lifecycle.Errorf(lifecycle.Conflict, "source %s fetches nothing any more", name)
	}
	if _, err = s.state(ctx, name); err != nil {
		return answer, err
	}
	var taken script.Taken
	err = s.rows.Read(name, bytes.NewReader(reject.Body), intake.Pull.Map, func(row SourceRow) (wrong error) {
		taken, wrong = eventsOf(intake, row, s.clock.Now())
		return wrong
	})
	if err != nil {
		return web.SourceAnswer{Refused: err.Error()}, nil
	}
	return s.receive(ctx, intake, taken, func(ctx context.Context, events []lifecycle.Event) ([]store.Result, error) {
		return s.engine.ReceivePulled(ctx, name, events)
	}, &reject)
}

// cursorOf returns the value of the cursor's column in a row, written out.
func cursorOf(values map[string]any, column string) (string, bool) {
	if column == "" {
		return "", false
	}
	var value any = values
	if whole, has := values[column]; has {
		value = whole
	} else {
		for name := range strings.SplitSeq(column, ".") {
			object, _ := value.(map[string]any)
			value = object[name]
		}
	}
	switch v := value.(type) {
	case string:
		return v, v != "" && len(v) <= lifecycle.MaxNameBytes
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64), true
	}
	return "", false
}

// before reports whether one value of a cursor lies before another one: as numbers if both are, else as texts.
func before(a, b string) bool {
	x, wrong := strconv.ParseFloat(a, 64)
	y, wrongToo := strconv.ParseFloat(b, 64)
	if wrong == nil && wrongToo == nil && x != y {
		return x < y
	}
	if wrong == nil && wrongToo == nil {
		m, isWhole := new(big.Int).SetString(a, 10) // of more digits than a float64 holds
		n, isWholeToo := new(big.Int).SetString(b, 10)
		return isWhole && isWholeToo && m.Cmp(n) < 0
	}
	return a < b
}
