package web

import (
	"context"
	"net/url"
	"sort"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"stagecraft/app/channels"
	"stagecraft/app/delivery"
	"stagecraft/app/engine"
	"stagecraft/app/insight"
	"stagecraft/app/lifecycle"
	"stagecraft/app/script"
)

// newest is how many messages and errors the overview shows.
const newest = 50

func (s *Server) routeConsole() {
	api := s.fiber.Group("/api", s.guardConsole)
	api.Get("/overview", func(c *fiber.Ctx) error {
		overview, err := s.overview(c.UserContext())
		if err != nil {
			return err
		}
		return c.JSON(overview)
	})
	api.Get("/stream", s.stream)
	api.Get("/journeys/:name/files/:file", s.scriptFile)
	api.Post("/journeys/:name/mode", s.setMode)
	api.Get("/messages/:ref", s.message)
	api.Post("/errors/:ref/replay", s.replay)
}

type overview struct {
	At        time.Time         `json:"at"`
	Version   string            `json:"version"`
	PublicURL string            `json:"publicUrl"`
	Journeys  []wireJourney     `json:"journeys"`
	Messages  []wireMessage     `json:"messages"`
	Errors    []wireScriptError `json:"errors"`
	Channels  []wireChannel     `json:"channels"`
	InDoubt   int64             `json:"inDoubt"`
}

type wireJourney struct {
	Name         string              `json:"name"`
	Title        string              `json:"title"`
	Mode         lifecycle.Mode      `json:"mode"`
	Version      string              `json:"version"`
	Customers    int64               `json:"customers"`
	Refused      int64               `json:"refused"`
	Stages       []wireStage         `json:"stages"`
	Moves        []wireMove          `json:"moves"`
	Messages     []wireMessageTotals `json:"messages"`
	PublishError *wireScriptError    `json:"publishError"`
}

type wireStage struct {
	Name      string `json:"name"`
	Title     string `json:"title"`
	Goal      string `json:"goal"`
	Next      string `json:"next"`
	File      string `json:"file"`
	Customers int64  `json:"customers"`
	Entered   int64  `json:"entered"`
	Converted int64  `json:"converted"`
	Errors    int64  `json:"errors"`
}

type wireMove struct {
	From      string `json:"from"`
	To        string `json:"to"`
	Count     int64  `json:"count"`
	Direction string `json:"direction"`
	Refused   int64  `json:"refused"`
}

type wireMessageTotals struct {
	Name       string `json:"name"`
	Decided    int64  `json:"decided"`
	Accepted   int64  `json:"accepted"`
	Failed     int64  `json:"failed"`
	Suppressed int64  `json:"suppressed"`
	Queued     int64  `json:"queued"`
}

type wireMessage struct {
	Ref      string                 `json:"ref"`
	Decided  time.Time              `json:"decided"`
	User     string                 `json:"user"`
	Customer string                 `json:"customer"`
	Journey  string                 `json:"journey"`
	Stage    string                 `json:"stage"`
	Name     string                 `json:"name"`
	Channel  string                 `json:"channel"`
	Kind     lifecycle.MessageKind  `json:"kind"`
	State    lifecycle.MessageState `json:"state"`
	Reason   string                 `json:"reason"`
	Attempts int                    `json:"attempts"`
	InDoubt  int                    `json:"inDoubt"`
	Settled  *time.Time             `json:"settled"`
	File     string                 `json:"file"`
	Line     int                    `json:"line"`
	Version  string                 `json:"version"`
}

type wireScriptError struct {
	Ref        string     `json:"ref,omitempty"`
	At         *time.Time `json:"at,omitempty"`
	Journey    string     `json:"journey,omitempty"`
	Stage      string     `json:"stage"`
	File       string     `json:"file"`
	Line       int        `json:"line"`
	Message    string     `json:"message"`
	Hint       string     `json:"hint"`
	User       string     `json:"user"`
	Replayable bool       `json:"replayable"`
}

type wireChannel struct {
	Channel   string `json:"channel"`
	Connector string `json:"connector"`
	State     string `json:"state"`
	PID       int    `json:"pid"`
	Restarts  int    `json:"restarts"`
	LastError string `json:"lastError"`
}

func (s *Server) overview(ctx context.Context) (*overview, error) {
	report, err := s.Insight.Report(ctx)
	if err != nil {
		return nil, err
	}
	states, err := s.Engine.States(ctx)
	if err != nil {
		return nil, err
	}
	o := &overview{At: s.Clock.Now(), Version: s.Version, PublicURL: s.PublicURL, InDoubt: report.InDoubt(),
		Journeys: []wireJourney{}, Messages: []wireMessage{}, Errors: []wireScriptError{}, Channels: []wireChannel{}}
	problems := s.Scripts.Problems()
	known := map[string]bool{}
	for _, state := range states {
		known[state.Name] = true
		if program, ok := s.Engine.Program(state.Version); ok {
			o.Journeys = append(o.Journeys, journeyOf(state, program, report.Journey(state.Name), problems[state.Name]))
		}
	}
	for name, problem := range problems {
		if !known[name] { // it never compiled; there is nothing else to show of it
			title := name
			if title == "" {
				title = "Scripts folder"
			}
			o.Journeys = append(o.Journeys, wireJourney{Name: name, Title: title, Mode: lifecycle.Off, Stages: []wireStage{},
				Moves: []wireMove{}, Messages: []wireMessageTotals{}, PublishError: problemOf(problem)})
		}
	}
	// The journeys that are at work stand first.
	sort.SliceStable(o.Journeys, func(i, j int) bool {
		return o.Journeys[i].Mode == lifecycle.Live && o.Journeys[j].Mode != lifecycle.Live
	})
	for _, channel := range s.Channels() {
		o.Channels = append(o.Channels, channelOf(channel))
	}
	if err = s.addMessages(ctx, o); err != nil {
		return nil, err
	}
	return o, s.addErrors(ctx, o)
}

func channelOf(c channels.Status) wireChannel {
	return wireChannel{c.Channel, c.Connector, string(c.State), c.PID, c.Restarts, c.LastError}
}

func journeyOf(state engine.JourneyState, program *script.Program, figures *insight.Journey, problem *lifecycle.Error) wireJourney {
	plan := &program.Journey
	j := wireJourney{Name: state.Name, Title: plan.Title, Mode: state.Mode, Version: state.Version,
		Stages: []wireStage{}, Moves: []wireMove{}, Messages: []wireMessageTotals{}, PublishError: problemOf(problem)}
	for _, stage := range plan.Stages {
		j.Stages = append(j.Stages, wireStage{Name: stage.Name, Title: stage.Title, Goal: stage.Goal, Next: stage.Next,
			File: strings.TrimPrefix(stage.File, state.Name+"/"), Customers: figures.In[stage.Name], Entered: figures.Entered[stage.Name],
			Converted: figures.Converted[stage.Name], Errors: figures.Failed[stage.Name]})
		j.Customers += figures.In[stage.Name]
	}
	for _, from := range plan.Stages {
		allowed := map[string]bool{}
		for _, to := range plan.Moves[from.Name] {
			allowed[to] = true
		}
		for _, to := range plan.Stages {
			pair := [2]string{from.Name, to.Name}
			count, refused := figures.Moves[pair], figures.Refused[pair]
			if !allowed[to.Name] && count == 0 && refused == 0 {
				continue
			}
			direction := "forward"
			if plan.Index(to.Name) < plan.Index(from.Name) {
				direction = "back"
			}
			j.Moves = append(j.Moves, wireMove{from.Name, to.Name, count, direction, refused})
		}
	}
	for _, refused := range figures.Refused {
		j.Refused += refused
	}
	names := make([]string, 0, len(figures.Messages))
	for name := range figures.Messages {
		names = append(names, name)
	}
	sort.Strings(names)
	for _, name := range names {
		m := figures.Messages[name]
		j.Messages = append(j.Messages, wireMessageTotals{name, m["decided"], m[string(lifecycle.Accepted)],
			m[string(lifecycle.Failed)], m[string(lifecycle.Suppressed)] + m[string(lifecycle.Expired)], m[string(lifecycle.Queued)] + m[string(lifecycle.Held)]})
	}
	return j
}

func problemOf(problem *lifecycle.Error) *wireScriptError {
	if problem == nil {
		return nil
	}
	return &wireScriptError{File: problem.File, Line: problem.Line, Message: problem.Message, Hint: problem.Hint}
}

func (s *Server) addMessages(ctx context.Context, o *overview) error {
	var all []delivery.Listed
	for p := range s.Store.Partitions() {
		answer, err := s.Store.Ask(ctx, p, delivery.Newest{Limit: newest})
		if err != nil {
			return err
		}
		all = append(all, answer.([]delivery.Listed)...)
	}
	sort.SliceStable(all, func(i, j int) bool { return all[i].Decided.After(all[j].Decided) })
	for _, m := range all[:min(newest, len(all))] {
		o.Messages = append(o.Messages, messageOf(m))
	}
	return nil
}

func messageOf(m delivery.Listed) wireMessage {
	wire := wireMessage{Ref: m.Ref, Decided: m.Decided.UTC(), User: m.User, Customer: m.Customer.String(), Journey: m.Journey,
		Stage: m.Stage, Name: m.Name, Channel: m.Channel, Kind: m.Kind, State: m.State, Reason: m.Reason, Attempts: m.Attempts,
		InDoubt: m.InDoubt, File: m.File, Line: m.Line, Version: m.Version}
	if !m.Settled.IsZero() {
		settled := m.Settled.UTC()
		wire.Settled = &settled
	}
	return wire
}

func (s *Server) addErrors(ctx context.Context, o *overview) error {
	var all []engine.DeadLetter
	for p := range s.Store.Partitions() {
		answer, err := s.Store.Ask(ctx, p, engine.DeadLetters{Limit: newest})
		if err != nil {
			return err
		}
		all = append(all, answer.([]engine.DeadLetter)...)
	}
	sort.SliceStable(all, func(i, j int) bool { return all[i].At.After(all[j].At) })
	for _, letter := range all[:min(newest, len(all))] {
		at := letter.At.UTC()
		o.Errors = append(o.Errors, wireScriptError{Ref: letter.Ref, At: &at, Journey: letter.Journey, Stage: letter.Stage,
			File: letter.File, Line: letter.Line, Message: letter.Message, Hint: letter.Hint, User: letter.User, Replayable: true})
	}
	return nil
}

func (s *Server) scriptFile(c *fiber.Ctx) error {
	name, file, err := twoParams(c, "name", "file")
	if err != nil {
		return err
	}
	states, err := s.Engine.States(c.UserContext())
	if err != nil {
		return err
	}
	for _, state := range states {
		if state.Name != name {
			continue
		}
		if program, ok := s.Engine.Program(state.Version); ok {
			if source, ok := program.Source(file); ok {
				return c.JSON(fiber.Map{"file": file, "version": state.Version, "source": string(source)})
			}
		}
		return lifecycle.Errorf(lifecycle.NotFound, "journey %s has no file %q", name, file)
	}
	return lifecycle.Errorf(lifecycle.NotFound, "there is no journey %q", name)
}

func twoParams(c *fiber.Ctx, first, second string) (a, b string, err error) {
	if a, err = url.PathUnescape(c.Params(first)); err == nil {
		b, err = url.PathUnescape(c.Params(second))
	}
	if err != nil {
		err = lifecycle.Wrap(lifecycle.Invalid, err, "the path cannot be read")
	}
	return a, b, err
}

func (s *Server) setMode(c *fiber.Ctx) error {
	name, _, err := twoParams(c, "name", "name")
	if err != nil {
		return err
	}
	data, err := body(c, maxSingle)
	if err != nil {
		return err
	}
	var request struct {
		Mode string `json:"mode"`
	}
	if err = decodeJSON(data, &request); err != nil {
		return err
	}
	mode, err := lifecycle.ParseMode(request.Mode)
	if err != nil {
		return err
	}
	if err = s.Engine.SetMode(c.UserContext(), engine.SetMode{Journey: name, Mode: mode}); err != nil {
		return err
	}
	s.Log.Info("a journey's mode was set", "journey", name, "mode", mode)
	s.Insight.Touch()
	return c.JSON(fiber.Map{})
}

func (s *Server) fullMessage(c *fiber.Ctx) (delivery.FullMessage, error) {
	ref := strings.Clone(c.Params("ref"))
	partition, err := delivery.RefPartition(ref)
	if err != nil {
		return delivery.FullMessage{}, err
	}
	answer, err := s.Store.Ask(c.UserContext(), partition, delivery.OneMessage{Ref: ref})
	if err != nil {
		return delivery.FullMessage{}, err
	}
	return answer.(delivery.FullMessage), nil
}

func (s *Server) message(c *fiber.Ctx) error {
	full, err := s.fullMessage(c)
	if err != nil {
		return err
	}
	if full.Rendered != nil {
		full.Rendered.Date = full.Rendered.Date.UTC()
	}
	return c.JSON(struct {
		wireMessage
		Rendered *lifecycle.Rendered `json:"rendered"`
	}{messageOf(full.Listed), full.Rendered})
}

func (s *Server) replay(c *fiber.Ctx) error {
	if err := s.Engine.Replay(c.UserContext(), strings.Clone(c.Params("ref"))); err != nil {
		return err
	}
	return c.JSON(fiber.Map{})
}
