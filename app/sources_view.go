package app

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"time"

	"stagecraft/app/channels"
	"stagecraft/app/lifecycle"
	"stagecraft/app/script"
	"stagecraft/app/web"
)

// View returns all there is to say about sources, by name. Of secrets it says only whether they are set.
func (s *sources) View(ctx context.Context) ([]web.SourceView, error) {
	s.mu.Lock()
	intakes, problems := maps.Clone(s.intakes), maps.Clone(s.problems)
	s.mu.Unlock()
	names := slices.Collect(maps.Keys(intakes))
	for name := range problems {
		if intakes[name] == nil {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	views := []web.SourceView{}
	for _, name := range names {
		view := web.SourceView{Name: name, Title: name, File: "sources/" + name + ".lua", Problem: problems[name], Secrets: []web.SecretView{},
			Rank: slices.Index(s.precedence, name) + 1}
		if intake := intakes[name]; intake != nil {
			if err := s.describe(ctx, intake, &view); err != nil {
				return nil, err
			}
		}
		views = append(views, view)
	}
	return views, nil
}

func (s *sources) describe(ctx context.Context, intake *script.Intake, view *web.SourceView) error {
	state, err := s.state(ctx, intake.Name)
	if err != nil {
		return err
	}
	rejects, err := s.engine.SourceRejects(ctx, intake.Name)
	if err != nil {
		return err
	}
	view.Title, view.Open = intake.Title, intake.Open
	view.Requests, view.Events, view.Repeats, view.Refused, view.Rejects = state.Requests, state.Events, state.Repeats, state.Refused, len(rejects)
	view.Last = moment(state.Last)
	if intake.Takes {
		view.Address = "/v1/sources/" + intake.Name
	}
	for _, secret := range intake.Secrets {
		values, err := s.secretsOf(intake.Name)
		if err != nil && view.Problem == nil {
			view.Problem = lifecycle.Wrap(lifecycle.Unavailable, err, "its secrets cannot be read")
		}
		view.Secrets = append(view.Secrets, web.SecretView{Name: secret, Set: len(values[secret]) > 0, Former: len(values[secret]) > 1})
	}
	if pull := intake.Pull; pull != nil {
		view.Pull = &web.PullView{URL: pull.URL, Every: pull.Every.String(), Cursor: pull.Cursor, Value: state.Cursor, Old: state.Old,
			Fetched: moment(state.Fetched), Next: nextFetch(pull, &state).UTC(), Failures: state.Failures, Problem: state.Problem}
		if view.Pull.Next.Before(s.clock.Now()) {
			view.Pull.Next = s.clock.Now().UTC()
		}
	}
	return nil
}

func moment(at time.Time) *time.Time {
	if at.IsZero() {
		return nil
	}
	at = at.UTC()
	return &at
}

// The connector under which the secrets of sources are kept: they have none, and the file has a place for one.
const sourceConnector = "source"

// secretsOf returns the secrets of a source, each with one value, or two while the provider changes over.
func (s *sources) secretsOf(name string) (map[string][]string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if known, ok := s.secrets[name]; ok {
		return known, nil
	}
	values := map[string][]string{}
	kept, err := s.settings.Load(name)
	switch {
	case lifecycle.CodeOf(err) == lifecycle.NotFound:
	case err != nil:
		return nil, err
	case json.Unmarshal(kept.Settings, &values) != nil:
		return nil, lifecycle.Errorf(lifecycle.Unavailable, "the secrets of source %s cannot be read; set them again", name)
	}
	s.secrets[name] = values
	return values, nil
}

// secret returns the values of a secret.
func (s *sources) secret(name, secret string) ([]string, error) {
	values, err := s.secretsOf(name)
	if err == nil && len(values[secret]) == 0 {
		err = lifecycle.Errorf(lifecycle.Unavailable, "source %s has no secret %q yet; set it in the console or with: stagecraft sources secret %s %s", name, secret, name, secret)
	}
	if err != nil {
		return nil, err
	}
	return values[secret], nil
}

// SetSecret keeps the value of a secret, encrypted. It holds from the next request on.
func (s *sources) SetSecret(_ context.Context, name, secret, value string, keep bool) error {
	intake, err := s.intake(name)
	if err != nil {
		return err
	}
	if !slices.Contains(intake.Secrets, secret) {
		failure := lifecycle.Errorf(lifecycle.NotFound, "source %s names no secret %.64q; it has: %s", name, secret, joined(intake.Secrets))
		failure.Field = "secret"
		return failure
	}
	if len(value) > 4<<10 {
		return lifecycle.Errorf(lifecycle.TooLarge, "a secret has at most 4 KB")
	}
	before, err := s.secretsOf(name)
	if err != nil {
		before = nil // what cannot be read is replaced
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	next := maps.Clone(before)
	if next == nil {
		next = map[string][]string{}
	}
	switch former := next[secret]; {
	case value == "":
		delete(next, secret)
	case keep && len(former) > 0 && former[0] != value:
		next[secret] = []string{value, former[0]}
	default:
		next[secret] = []string{value}
	}
	raw, err := json.Marshal(next)
	if err == nil {
		err = s.settings.Save(name, channels.Connection{Connector: sourceConnector, Settings: raw})
	}
	if err != nil {
		return lifecycle.Wrap(lifecycle.Unavailable, err, "the secret cannot be kept")
	}
	s.secrets[name] = next
	s.log.Info("a secret of a source was changed", "source", name, "secret", secret)
	select {
	case s.wake <- struct{}{}:
	default:
	}
	return nil
}
