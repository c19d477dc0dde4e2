package app

import (
	"context"
	"os"

	"stagecraft/app/lifecycle"
	"stagecraft/app/script"
)

// publishScores publishes what scripts/scores.lua declares. What is wrong with it is returned as the problem; the last good
// declaration goes on. The caller holds the lock.
func (p *publisher) publishScores(ctx context.Context) (problem *lifecycle.Error, err error) {
	rules, err := p.host.ReadScores(os.DirFS(p.dir))
	if err == nil {
		err = p.engine.PublishScores(ctx, rules)
	}
	if err == nil {
		delete(p.refused, script.ScoresFile)
		return nil, nil
	}
	if problem = refusal(err); problem == nil {
		return nil, err
	}
	if said := problem.Error(); p.refused[script.ScoresFile] != said {
		p.refused[script.ScoresFile] = said
		p.log.Error("the scores were not published; what was declared before goes on", "error", err)
	}
	return problem, nil
}
