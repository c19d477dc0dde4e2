package web

import (
	"sort"
	"strconv"
	"strings"
	"time"

	"stagecraft/app/engine"
	"stagecraft/app/insight"
	"stagecraft/app/lifecycle"
	"stagecraft/app/script"
)

type wireJourney struct {
	Name         string              `json:"name"`
	Title        string              `json:"title"`
	Mode         lifecycle.Mode      `json:"mode"`
	Version      string              `json:"version"`
	Customers    int64               `json:"customers"`
	Refused      int64               `json:"refused"`
	Waiting      int64               `json:"waiting"`
	Stages       []wireStage         `json:"stages"`
	Moves        []wireMove          `json:"moves"`
	Messages     []wireMessageTotals `json:"messages"`
	PublishError *wireScriptError    `json:"publishError"`
	Gone         bool                `json:"gone,omitempty"` // its folder is: the version that was published last goes on
}

type wireStage struct {
	Name      string `json:"name"`
	Title     string `json:"title"`
	Phase     string `json:"phase"`
	Goal      string `json:"goal"`
	Next      string `json:"next"`
	File      string `json:"file"`
	Customers int64  `json:"customers"`
	Entered   int64  `json:"entered"`
	Converted int64  `json:"converted"`
	Left      int64  `json:"left"`   // moved on, moved back, or exited
	Exited    int64  `json:"exited"` // left the journey from here
	Back      int64  `json:"back"`   // moved to an earlier stage
	// Half of those who left stayed at most this many seconds; null: nobody has left.
	Median        *float64 `json:"median"`
	Holdout       float64  `json:"holdout"`
	HeldEntered   int64    `json:"heldEntered"`
	HeldConverted int64    `json:"heldConverted"`
	Exit          []string `json:"exit"`
	Reenter       string   `json:"reenter"`
	Errors        int64    `json:"errors"`     // since the first day
	OpenErrors    int      `json:"openErrors"` // that wait to be replayed, at least
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

func journeyOf(state engine.JourneyState, program *script.Program, figures *insight.Journey, problem *lifecycle.Error) wireJourney {
	plan := &program.Journey
	j := wireJourney{Name: state.Name, Title: plan.Title, Mode: state.Mode, Version: state.Version,
		Stages: []wireStage{}, Moves: []wireMove{}, Messages: []wireMessageTotals{}, PublishError: problemOf(problem)}
	for i := range plan.Stages {
		j.Stages = append(j.Stages, stageOf(plan, &plan.Stages[i], figures))
		j.Customers += figures.In[plan.Stages[i].Name]
	}
	for _, waiting := range figures.Waiting() {
		j.Waiting += waiting
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

// addOpen counts a script error that waits to be replayed.
func (j *wireJourney) addOpen(stage string) {
	for i := range j.Stages {
		if j.Stages[i].Name == stage {
			j.Stages[i].OpenErrors++
		}
	}
}

// stageOf is a stage with what it measures.
func stageOf(plan *lifecycle.Journey, stage *lifecycle.Stage, figures *insight.Journey) wireStage {
	w := wireStage{Name: stage.Name, Title: stage.Title, Goal: strings.Join(stage.Goals, " or "), Next: stage.Next,
		File: strings.TrimPrefix(stage.File, plan.Name+"/"), Customers: figures.In[stage.Name], Entered: figures.Entered[stage.Name],
		Converted: figures.Converted[stage.Name], Exited: figures.Exited[stage.Name], Holdout: stage.Holdout,
		HeldEntered: figures.HeldoutEntered[stage.Name], HeldConverted: figures.HeldoutConverted[stage.Name],
		Exit: append([]string{}, stage.Exit...), Reenter: reenterOf(stage.Reenter), Errors: figures.Failed[stage.Name]}
	if stage.GoalFunc != "" {
		w.Goal = "a function of the script"
	}
	for _, phase := range plan.Phases {
		for _, name := range phase.Stages {
			if name == stage.Name {
				w.Phase = phase.Title
			}
		}
	}
	w.Left = w.Exited
	for pair, count := range figures.Moves {
		if pair[0] == stage.Name {
			w.Left += count
		}
	}
	for pair, count := range figures.Back(plan) {
		if pair[0] == stage.Name {
			w.Back += count
		}
	}
	if w.Left > 0 {
		median := figures.Median(stage.Name).Seconds()
		w.Median = &median
	}
	return w
}

// reenterOf says in words when one may come again; "" if the stage says nothing of it.
func reenterOf(r lifecycle.Reenter) string {
	switch {
	case !r.Set:
		return ""
	case r.Never:
		return "Only once"
	case r.After == 0:
		return "Again at any time"
	}
	return "Again after " + days(r.After)
}

// days writes a duration in its largest whole unit.
func days(d time.Duration) string {
	for _, unit := range []struct {
		size time.Duration
		name string
	}{{24 * time.Hour, "day"}, {time.Hour, "hour"}, {time.Minute, "minute"}, {time.Second, "second"}} {
		if d >= unit.size && d%unit.size == 0 {
			count := int64(d / unit.size)
			return strconv.FormatInt(count, 10) + " " + unit.name + map[bool]string{true: "s"}[count != 1]
		}
	}
	return d.String()
}
