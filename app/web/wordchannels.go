package web

import (
	"cmp"
	"context"
	"errors"
	"strings"

	"stagecraft/app/engine"
	"stagecraft/app/lifecycle"
	"stagecraft/app/script"
)

// noChannelYet is why a channel is not known here that can be one: a connector may bring it some day, or brought it once.
// A yes for it is refused, since nobody could tell later what it was for; a refusal is kept, and holds when the channel comes.
type noChannelYet struct{ refusal error }

func (e noChannelYet) Error() string { return e.refusal.Error() }
func (e noChannelYet) Unwrap() error { return e.refusal }

func isNoChannelYet(err error) bool { return errors.As(err, new(noChannelYet)) }

// knownChannel says what is wrong with a channel that somebody's word is about; an empty name is fine. The error is noChannelYet, or
// else Invalid where no channel can have that name: a word for it is a mistake, and would be lost.
func (s *Server) knownChannel(ctx context.Context, name string) error {
	err := s.Delivery.CheckChannel(ctx, name)
	var unknown *lifecycle.Error
	if !errors.As(err, &unknown) || unknown.Code != lifecycle.Invalid {
		return err
	}
	problem, hint := script.ChannelProblem(name)
	if problem == "" {
		return noChannelYet{unknown}
	}
	return &lifecycle.Error{Code: unknown.Code, Field: unknown.Field, Message: unknown.Message, Hint: cmp.Or(hint, unknown.Hint)}
}

// channelsAsked are the channels that a list names, which are the same few again and again, and what is wrong with them.
type channelsAsked struct {
	asked map[string]error
	ask   func(name string) error
}

// check refuses a row with a word about what can be no channel. From the others it takes out the yeses for channels that are not
// known here, and says so in left: the row's other words, above all its refusals, are good.
func (q *channelsAsked) check(row *engine.Row) (left *lifecycle.Error, err error) {
	kept := row.Consents[:0]
	for _, word := range row.Consents {
		switch err := q.known("consents", word.Channel); {
		case err == nil || !word.Granted && isNoChannelYet(err):
			kept = append(kept, word)
		case isNoChannelYet(err):
			errors.As(err, &left)
		default:
			return nil, err
		}
	}
	row.Consents = kept
	for _, dead := range row.Suppress {
		if err := q.known("suppressions", dead.Channel); err != nil && !isNoChannelYet(err) {
			return nil, err
		}
	}
	if left != nil {
		left = &lifecycle.Error{Code: left.Code, Field: "consents", Hint: left.Hint,
			Message: left.Message + "; its yes is left out, the rest of the row is taken"}
	}
	return left, nil
}

func (q *channelsAsked) known(field, name string) error {
	err, known := q.asked[name]
	if !known {
		err = q.ask(name)
		q.asked[strings.Clone(name)] = err
	}
	var found *lifecycle.Error
	if !isNoChannelYet(err) && errors.As(err, &found) && found.Code == lifecycle.Invalid {
		return &lifecycle.Error{Code: found.Code, Field: field, Message: found.Message, Hint: found.Hint}
	}
	return err
}
