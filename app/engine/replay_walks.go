package engine

import (
	"context"
	"math"
	"time"

	"stagecraft/app/store"
)

// After a change of the segments, or of ranks, each partition asks everybody in it by itself, and so each is done at a time of its
// own. Of those who became one, each is asked again when theirs was.

// walks is what was published in a partition, with when everybody there had been asked, and when nothing fired there.
type walks struct {
	segments []SegmentsPast
	ranks    []RanksPast
	pauses   []pause
}

// walksOf asks a partition for its walks.
type walksOf struct{}

func (e *Engine) walksOf(tx store.Reader) (w walks, err error) {
	table, err := readSegmentTable(tx)
	if err != nil {
		return w, err
	}
	w.segments = table.Past
	if w.ranks, err = readRanksPast(tx); err != nil {
		return w, err
	}
	scores, err := readScoreTable(tx)
	if err != nil {
		return w, err
	}
	journeys, err := readJourneyPasts(tx)
	w.pauses = pausesOf(journeys, scores.Past, w.segments, w.ranks)
	return w, err
}

// askWalks completes a life by the walks of those who became part of the customer.
func (e *Engine) askWalks(ctx context.Context, life *Life) error {
	for _, id := range life.ids() {
		if _, known := life.walks[id.Partition()]; known {
			continue
		}
		answer, err := e.store.Ask(ctx, id.Partition(), walksOf{})
		if err != nil {
			return err
		}
		life.walks[id.Partition()] = answer.(walks)
	}
	return nil
}

// bySegments returns when everybody knew segments, which may have come more than once; zero: not yet, or the next ones came before.
func (w walks) bySegments(past SegmentsPast) (walked time.Time) {
	nearest := time.Duration(math.MaxInt64)
	for _, one := range w.segments {
		if apart := one.At.Sub(past.At).Abs(); one.Version == past.Version && apart < nearest {
			walked, nearest = one.Walked, apart
		}
	}
	return walked
}

// byRanks returns when everybody had next been asked after ranks had been published.
func (w walks) byRanks(past RanksPast) time.Time {
	for _, one := range w.ranks {
		if one.Ranks.At.Equal(past.Ranks.At) {
			return one.Walked
		}
	}
	return time.Time{}
}

// asking is how far a partition is with asking everybody by what was published last.
type asking struct {
	walked  time.Time // when everybody has been; zero: they have, or nobody knows when
	pending bool      // there may be who has not been
	fresh   bool      // and not by the segments, rather than only by the ranks
}

// notBefore returns a moment, if there is one, or the earliest that it may be.
func notBefore(earliest, at time.Time) time.Time {
	if at.IsZero() {
		return at
	}
	return later(at, earliest)
}
