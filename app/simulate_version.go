package app

import (
	"context"
	"io/fs"

	"stagecraft/app/lifecycle"
	"stagecraft/app/script"
)

// Version is what a simulation runs: a journey with what stands beside it.
type Version struct {
	Journey script.Source
	Beside
}

// Beside is what stands beside the journeys of a scripts folder and holds for all of them.
type Beside struct {
	Segments script.Source        // segments/*.lua; may be without files
	Scores   lifecycle.ScoreRules // scores.lua
}

// FindVersion reads one journey of a scripts folder, and what stands beside it.
func FindVersion(folder fs.FS, journey string) (Version, error) {
	source, err := FindSource(folder, journey)
	if err != nil {
		return Version{}, err
	}
	beside, err := readBeside(script.New(script.Limits{}), folder)
	return Version{source, beside}, err
}

func readBeside(host *script.Host, folder fs.FS) (b Beside, err error) {
	if b.Segments, err = script.ReadSegments(folder); err == nil {
		b.Scores, err = host.ReadScores(folder)
	}
	return b, err
}

// publishBeside puts what stands beside the journeys to work, as the publisher does: before the first customer is there.
func (s *scratch) publishBeside(ctx context.Context, b Beside) error {
	if err := s.engine.PublishScores(ctx, b.Scores); err != nil || len(b.Segments.Files) == 0 {
		return err
	}
	return s.engine.PublishSegments(ctx, b.Segments)
}
