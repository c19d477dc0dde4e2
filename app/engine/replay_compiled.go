package engine

import (
	"context"
	"slices"
	"sync"

	"stagecraft/app/lifecycle"
	"stagecraft/app/script"
)

// maxCompiled is how many versions of journeys and segments are kept compiled between replays: a customer of years has lived under
// up to a hundred of segments alone.
const maxCompiled = 200

// Compiled keeps what replays have compiled, so that the next one need not: versions never change. It is used by one replay at a
// time.
type Compiled struct {
	host  *script.Host
	known []compiledVersion // the newest last
}

// compiledVersion is a *script.Program or a *script.Segments.
type compiledVersion struct {
	version string
	code    any
}

// NewCompiled returns one that has nothing yet.
func NewCompiled() *Compiled { return &Compiled{host: script.New(script.Limits{Wall: reliveWall})} }

// lend gives an engine what is known.
func (c *Compiled) lend(e *Engine) {
	e.host = c.host
	for _, one := range c.known {
		if _, is := one.code.(*script.Segments); is {
			e.segmentSets.Store(one.version, one.code)
		} else {
			e.programs.Store(one.version, one.code)
		}
	}
}

// learn takes what an engine has compiled besides. Of too many the oldest go.
func (c *Compiled) learn(e *Engine) {
	known := make(map[string]bool, len(c.known))
	for _, one := range c.known {
		known[one.version] = true
	}
	for _, all := range []*sync.Map{&e.programs, &e.segmentSets} {
		all.Range(func(version, code any) bool {
			if version := version.(string); !known[version] {
				c.known = append(c.known, compiledVersion{version, code})
			}
			return true
		})
	}
	if much := len(c.known) - maxCompiled; much > 0 {
		c.known = slices.Delete(c.known, 0, much)
	}
}

// compiledSegments returns a version of the segments; nil if it is not stored, or was written for an older program.
func (r *Reliving) compiledSegments(ctx context.Context, version string) (*script.Segments, error) {
	if known, ok := r.engine.segmentSets.Load(version); ok {
		return known.(*script.Segments), nil
	}
	source, err := r.segmentSource(ctx, version)
	if err != nil {
		if lifecycle.CodeOf(err) == lifecycle.NotFound {
			err = nil
		}
		return nil, err
	}
	compiled, err := r.engine.rememberSegments(source)
	if err != nil {
		return nil, nil
	}
	return compiled, nil
}

func (r *Reliving) segmentSource(ctx context.Context, version string) (script.Source, error) {
	if version != r.life.segmentsNow {
		return r.source(version)
	}
	files, err := unpack(r.life.segmentsPacked)
	return script.Source{Name: script.SegmentsFolder, Files: files}, err
}
