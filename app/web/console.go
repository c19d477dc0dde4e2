package web

import (
	"context"
	"sort"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"stagecraft/app/delivery"
	"stagecraft/app/engine"
	"stagecraft/app/insight"
	"stagecraft/app/lifecycle"
	"stagecraft/app/script"
)

// newest is how many messages and errors the overview shows.
const newest = 50

func (s *Server) routeConsole() {
	s.fiber.Get("/v1/journeys", s.guardConsole, s.listJourneys)
	s.fiber.Get("/v1/journeys/:name", s.guardConsole, s.oneJourney)
	s.fiber.Get("/v1/messages", s.guardConsole, s.ledger)
	api := s.fiber.Group("/api", s.guardConsole)
	api.Get("/overview", func(c *fiber.Ctx) error {
		overview, err := s.overview(c.UserContext())
		if err != nil {
			return err
		}
		return c.JSON(overview)
	})
	api.Get("/stream", s.stream)
	api.Get("/journeys/:name/files/*", s.scriptFile)
	api.Get("/journeys/:name/figures/*", s.lineFigures)
	api.Get("/reference", s.reference)
	s.routeModes(api)
	s.routeDrafts(api)
	s.routePreview(api)
	s.routeChannels(api)
	api.Get("/history", s.history)
	s.routeMessages(api)
	s.routeBroadcasts(api)
	s.routeTopics(api)
	api.Get("/forms", s.listForms)
	s.routeStages(api)
	s.routeWebhooks(api)
	s.routeSourcesConsole(api)
	s.routeImportsConsole(api)
	api.Post("/errors/:ref/replay", s.replay)
}

type overview struct {
	At        time.Time         `json:"at"`
	Version   string            `json:"version"`
	PublicURL string            `json:"publicUrl"`
	Journeys  []wireJourney     `json:"journeys"`
	Problems  []wireScriptError `json:"problems"` // what keeps the newest scripts beside the journeys from running
	Messages  []wireMessage     `json:"messages"`
	Errors    []wireScriptError `json:"errors"`
	Channels  []wireChannel     `json:"channels"`
	InDoubt   int64             `json:"inDoubt"`
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
	Answers  []lifecycle.Answer     `json:"answers,omitempty"` // what came back of it
	Call     delivery.CallState     `json:"call,omitempty"`    // of one that became a call: where that stands
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
	Alike      int        `json:"alike,omitempty"` // how many wait that are the same of the same line, itself among them
}

type wireChannel struct {
	Channel   string `json:"channel"`
	Connector string `json:"connector"`
	State     string `json:"state"`
	PID       int    `json:"pid"`
	Restarts  int    `json:"restarts"`
	LastError string `json:"lastError"`
	// Pauses are those of the whole channel, or of all of a kind that leaves by it.
	Pauses []delivery.Order `json:"pauses,omitempty"`
}

func (s *Server) overview(ctx context.Context) (*overview, error) {
	report, letters, err := s.counted(ctx)
	if err != nil {
		return nil, err
	}
	o := &overview{At: s.Clock.Now(), Version: s.Version, PublicURL: s.PublicURL, InDoubt: report.InDoubt(),
		Messages: []wireMessage{}, Errors: []wireScriptError{}, Channels: []wireChannel{}}
	if o.Journeys, o.Problems, err = s.journeys(ctx, report, letters); err != nil {
		return nil, err
	}
	pauses, err := s.pausesOfChannels(ctx)
	if err != nil {
		return nil, err
	}
	for _, c := range s.Channels() {
		o.Channels = append(o.Channels, wireChannel{c.Channel, c.Connector, string(c.State), c.PID, c.Restarts, c.LastError, pauses[c.Channel]})
	}
	if err = s.addMessages(ctx, o); err != nil {
		return nil, err
	}
	o.addErrors(letters)
	return o, nil
}

// counted returns the figures of all journeys, and the script errors that wait to be replayed, newest first: of each
// partition the newest.
func (s *Server) counted(ctx context.Context) (*insight.Report, []engine.DeadLetter, error) {
	report, err := s.Insight.Report(ctx)
	if err != nil {
		return nil, nil, err
	}
	var letters []engine.DeadLetter
	for p := range s.Store.Partitions() {
		answer, err := s.Store.Ask(ctx, p, engine.DeadLetters{Limit: newest})
		if err != nil {
			return nil, nil, err
		}
		letters = append(letters, answer.([]engine.DeadLetter)...)
	}
	sort.SliceStable(letters, func(i, j int) bool { return letters[i].At.After(letters[j].At) })
	return report, letters, nil
}

// journeys returns the journeys with their figures, those at work first, and what is wrong beside them.
func (s *Server) journeys(ctx context.Context, report *insight.Report, letters []engine.DeadLetter) (list []wireJourney, beside []wireScriptError, err error) {
	states, err := s.Engine.States(ctx)
	if err != nil {
		return nil, nil, err
	}
	list, beside = []wireJourney{}, []wireScriptError{}
	problems := s.Scripts.Problems()
	known := map[string]bool{}
	plans := map[string]*lifecycle.Journey{}
	for _, state := range states {
		known[state.Name] = true
		if program, ok := s.Engine.Program(state.Version); ok {
			plans[state.Name] = &program.Journey
			j := journeyOf(state, program, report.Journey(state.Name), problems[state.Name])
			j.Gone = s.Scripts.Gone(state.Name)
			list = append(list, j)
		}
	}
	for name, problem := range problems {
		switch {
		case known[name]:
		case name == "" || name == "lib" || name == script.SegmentsFolder || name == script.ScoresFile:
			beside = append(beside, *problemOf(problem))
		default: // it never compiled; there is nothing else to show of it
			list = append(list, wireJourney{Name: name, Title: name, Mode: lifecycle.Off, Stages: []wireStage{},
				Moves: []wireMove{}, Messages: []wireMessageTotals{}, PublishError: problemOf(problem)})
		}
	}
	for _, letter := range letters {
		for i := range list {
			if list[i].Name == letter.Journey {
				list[i].addOpen(plans[letter.Journey].Present(letter.Stage))
			}
		}
	}
	sort.SliceStable(list, func(i, j int) bool { return list[i].Mode != lifecycle.Off && list[j].Mode == lifecycle.Off })
	sort.Slice(beside, func(i, j int) bool { return beside[i].File < beside[j].File })
	return list, beside, nil
}

// listJourneys answers with the journeys and their figures.
func (s *Server) listJourneys(c *fiber.Ctx) error {
	report, letters, err := s.counted(c.UserContext())
	if err != nil {
		return err
	}
	list, beside, err := s.journeys(c.UserContext(), report, letters)
	if err != nil {
		return err
	}
	return c.JSON(fiber.Map{"journeys": list, "problems": beside})
}

// oneJourney answers with one of them.
func (s *Server) oneJourney(c *fiber.Ctx) error {
	name, err := param(c, "name")
	if err != nil {
		return err
	}
	report, letters, err := s.counted(c.UserContext())
	if err != nil {
		return err
	}
	list, _, err := s.journeys(c.UserContext(), report, letters)
	if err != nil {
		return err
	}
	for i := range list {
		if list[i].Name == name {
			return c.JSON(list[i])
		}
	}
	return s.noJourney(name)
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
		InDoubt: m.InDoubt, Answers: m.Answers, Call: m.Call, File: m.File, Line: m.Line, Version: m.Version}
	if !m.Settled.IsZero() {
		settled := m.Settled.UTC()
		wire.Settled = &settled
	}
	return wire
}

func (o *overview) addErrors(letters []engine.DeadLetter) {
	type same struct {
		journey, file, message string
		line                   int
	}
	of := func(l engine.DeadLetter) same { return same{l.Journey, l.File, l.Message, l.Line} }
	alike := map[same]int{}
	for _, letter := range letters {
		alike[of(letter)]++
	}
	for _, letter := range letters[:min(newest, len(letters))] {
		at := letter.At.UTC()
		o.Errors = append(o.Errors, wireScriptError{Ref: letter.Ref, At: &at, Journey: letter.Journey, Stage: letter.Stage,
			File: letter.File, Line: letter.Line, Message: letter.Message, Hint: letter.Hint, User: letter.User, Replayable: true, Alike: alike[of(letter)]})
	}
}

func (s *Server) replay(c *fiber.Ctx) error {
	if err := takesNothing(c); err != nil {
		return err
	}
	if err := s.Engine.Replay(c.UserContext(), strings.Clone(c.Params("ref"))); err != nil {
		return err
	}
	return c.JSON(fiber.Map{})
}
