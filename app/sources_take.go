package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"stagecraft/app/engine"
	"stagecraft/app/lifecycle"
	"stagecraft/app/script"
	"stagecraft/app/web"
)

// Take gives a request to a source.
func (s *sources) Take(ctx context.Context, name string, request script.Request) (web.SourceAnswer, error) {
	intake, err := s.intake(name)
	if err != nil {
		return web.SourceAnswer{}, err
	}
	if !intake.Takes {
		return web.SourceAnswer{}, lifecycle.Errorf(lifecycle.NotFound, "source %s takes no requests", name)
	}
	give, err := s.place(name).take(ctx)
	if err != nil {
		return web.SourceAnswer{}, err
	}
	defer give()
	if _, err = s.state(ctx, name); err != nil {
		return web.SourceAnswer{}, err
	}
	request.Now = s.clock.Now()
	request.Secret = func(secret string) ([]string, error) { return s.secret(name, secret) }
	taken, err := intake.Receive(request)
	kept := engine.SourceReject{At: request.Now, Head: harmless(request.Headers), Query: request.Query, Body: request.Body}
	if err != nil {
		return s.refused(ctx, intake, kept, taken.Verified || intake.Open || request.Trust, err)
	}
	answer, err := s.receive(ctx, intake, taken, s.engine.ReceivePosted, &kept)
	answer.Text = taken.Answer
	return answer, err
}

// places are the places at one source. Anybody can fill them, as nothing is known of a request before the script has looked at
// it: those of one source keep nobody from another.
type places struct{ running, waiting chan struct{} }

// place returns the places at a source that is there.
func (s *sources) place(name string) places {
	s.mu.Lock()
	defer s.mu.Unlock()
	at, ok := s.places[name]
	if !ok {
		at = places{running: make(chan struct{}, sourceAtOnce), waiting: make(chan struct{}, sourceWaiting)}
		s.places[name] = at
	}
	return at
}

// take takes a place and returns what gives it back. Where all are taken, a few may wait a moment for one.
func (p places) take(ctx context.Context) (give func(), err error) {
	give = func() { <-p.running }
	select {
	case p.running <- struct{}{}:
		return give, nil
	default:
	}
	busy := lifecycle.Errorf(lifecycle.Busy, "the source is working on %d other requests; send this again in a moment", sourceAtOnce)
	select {
	case p.waiting <- struct{}{}:
		defer func() { <-p.waiting }()
	default:
		return nil, busy
	}
	patience := time.NewTimer(sourcePatience)
	defer patience.Stop()
	select {
	case p.running <- struct{}{}:
		return give, nil
	case <-patience.C:
		return nil, busy
	case <-ctx.Done():
		return nil, busy
	}
}

// receive gives events to the engine. The good ones are taken; what is wrong with the others is kept with the request.
func (s *sources) receive(ctx context.Context, intake *script.Intake, taken script.Taken, take taker, kept *engine.SourceReject) (web.SourceAnswer, error) {
	answer := web.SourceAnswer{}
	refuse := func(event string, code lifecycle.Code, err error) {
		answer.Refused = err.Error()
		answer.Errors = append(answer.Errors, web.SourceError{Event: event, Code: code, Message: err.Error()})
	}
	for _, err := range taken.Unfit {
		refuse("", lifecycle.Invalid, err)
	}
	events := taken.Events
	good := make([]lifecycle.Event, 0, len(events))
	for i := range events {
		if err := s.check(&events[i], !kept.Row); err != nil {
			refuse(events[i].Name, lifecycle.CodeOf(err), err)
			continue
		}
		good = append(good, events[i])
	}
	if events = good; len(events) > 0 {
		results, err := take(ctx, events)
		if err != nil {
			return answer, err
		}
		for i, result := range results {
			switch lifecycle.CodeOf(result.Err) {
			case "":
				if receipt, ok := result.Answer.(engine.Receipt); ok && receipt.Duplicate {
					answer.Repeats++
				} else {
					answer.Accepted++
				}
			case lifecycle.Busy, lifecycle.Unavailable, lifecycle.Full:
				return answer, result.Err // all of it may come again
			default:
				refuse(events[i].Name, lifecycle.CodeOf(result.Err), result.Err)
			}
		}
	}
	s.change(intake.Name, func(state *engine.SourceState) {
		state.Requests++
		state.Events += uint64(answer.Accepted)
		state.Repeats += uint64(answer.Repeats)
		state.Last = s.clock.Now()
	})
	if answer.Refused != "" {
		return answer, s.keep(ctx, intake.Name, *kept, answer.Refused)
	}
	return answer, nil
}

// check says what is wrong with an event, as an import does: a total that cannot be read would be an order of nothing, for good.
// What is posted is for one person, and whoever has no mail address that could be written to is nobody whom it would name. Nor
// does such an address name whom a row that was fetched is about; beside an ID it may stand.
func (s *sources) check(event *lifecycle.Event, posted bool) error {
	said := *event
	said.Public = false // what scripts add up is wrong all the same
	if err := s.engine.CheckAmount(&said); err != nil {
		return err
	}
	if !posted {
		if name, is := strings.CutPrefix(event.AnonymousID, "email:"); is && event.UserID == "" && !lifecycle.IsMailAddress(name) {
			return lifecycle.Errorf(lifecycle.Invalid, "email %.80q is no mail address, and nothing else says whose the row is", name)
		}
		return nil
	}
	var traits struct {
		Email any `json:"email"`
	}
	if len(event.Traits) > 0 && json.Unmarshal(event.Traits, &traits) == nil && traits.Email != nil && traits.Email != "" {
		if address, is := traits.Email.(string); !is || !lifecycle.IsMailAddress(address) {
			return lifecycle.Errorf(lifecycle.Invalid, "email %.80q is no mail address", fmt.Sprint(traits.Email))
		}
	}
	return nil
}

// refused says what the sender of a request gets to hear that came to nothing. Who has not proved to be the sender gets no
// room in our store. What a repeat cannot mend is answered like success, because providers repeat whatever is not for days.
func (s *sources) refused(ctx context.Context, intake *script.Intake, kept engine.SourceReject, known bool, err error) (web.SourceAnswer, error) {
	var refusal *script.Refusal
	switch says := errors.As(err, &refusal); {
	case says && known:
		return web.SourceAnswer{Refused: refusal.Reason}, s.keep(ctx, intake.Name, kept, refusal.Reason)
	case says:
		return web.SourceAnswer{}, lifecycle.Errorf(lifecycle.Invalid, "%s", refusal.Reason)
	case lifecycle.CodeOf(err) != lifecycle.ScriptFailed:
		s.change(intake.Name, func(state *engine.SourceState) { state.Refused++ })
		return web.SourceAnswer{}, err
	}
	s.log.Error("the script of a source failed", "source", intake.Name, "error", err)
	if known {
		var failed *lifecycle.Error
		if errors.As(err, &failed) {
			kept.File, kept.Line = failed.File, failed.Line
		}
		if wrong := s.keep(ctx, intake.Name, kept, err.Error()); wrong != nil {
			return web.SourceAnswer{}, wrong
		}
	}
	return web.SourceAnswer{}, lifecycle.Errorf(lifecycle.Unavailable, "the script of source %s failed; the log and the console say why", intake.Name)
}

// keep writes down what was not taken, with the reason.
func (s *sources) keep(ctx context.Context, name string, reject engine.SourceReject, reason string) error {
	reject.Reason = reason
	reject.ID = lifecycle.HashID("reject", name, string(reject.Body))
	if len(reject.Body) > maxKeptBody {
		reject.Body = nil
	}
	s.change(name, func(state *engine.SourceState) { state.Refused++ })
	return s.engine.KeepSource(ctx, name, nil, []engine.SourceReject{reject})
}

// harmless leaves out of the headers what proves something.
func harmless(headers map[string]string) map[string]string {
	kept := map[string]string{}
	for name, value := range headers {
		if name != "content-type" && !strings.HasPrefix(name, "x-") || len(value) > 1000 || len(kept) >= 30 {
			continue
		}
		if !slices.ContainsFunc([]string{"signature", "hmac", "token", "auth", "key", "secret", "forwarded", "real-ip"}, func(part string) bool { return strings.Contains(name, part) }) {
			kept[name] = value
		}
	}
	return kept
}
