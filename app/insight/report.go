package insight

import (
	"context"
	"encoding/binary"
	"strconv"
	"time"

	"stagecraft/app/lifecycle"
)

// Report is the sum over all partitions. Test people are in none of its figures.
type Report struct {
	Customers int64
	Late      int64 // events of history that came too late to be handled
	Journeys  map[string]*Journey

	plans map[string]*lifecycle.Journey // by which stages have their present names
}

// Journey is one journey in figures. Maps are by stage name or by pair of stages, unless they say otherwise. Whoever is
// held out is counted among all, and once more by himself.
type Journey struct {
	In               map[string]int64
	Entered          map[string]int64
	Converted        map[string]int64
	HeldoutEntered   map[string]int64
	HeldoutConverted map[string]int64
	Exited           map[string]int64 // left the journey from there
	Failed           map[string]int64
	Stayed           map[string]*Stays    // how long those stayed who have left
	StayedBefore     map[[2]string]*Stays // the same by where they went; to "": out of the journey
	Moves            map[[2]string]int64
	Placed           map[[2]string]int64 // put or taken there without a move; from and to "": from and to outside of the journey
	Refused          map[[2]string]int64
	Messages         map[string]map[string]int64 // by message name and state, and by answer; "decided", "in doubt" and answers only grow
	Lines            map[Line]LineCounts
	Choices          map[string]map[string]int64 // by name of the split or choice, and by value
	Reasons          map[Reason]int64            // of broadcasts: why messages did not leave
}

// Line is a place in one version of a script.
type Line struct {
	Version string
	File    string // journey/stage.lua
	Line    int
}

// Reason is why messages of a broadcast did not leave.
type Reason struct{ Message, State, Reason string }

// LineCounts are the figures of one line.
type LineCounts struct {
	Waiting int64            // runs that wait here now
	Sent    map[string]int64 // messages that were decided here, by state, and what came back of them, by lifecycle.Answer; "decided", "in doubt" and answers only grow. May be nil
	Failed  int64            // steps that were set aside because the script failed here
}

// OtherChoices is the name and the value under which choices are counted when there are too many to tell apart.
const OtherChoices = "(others)"

// NewJourney returns figures of nothing.
func NewJourney() *Journey {
	counts := func() map[string]int64 { return map[string]int64{} }
	pairs := func() map[[2]string]int64 { return map[[2]string]int64{} }
	return &Journey{In: counts(), Entered: counts(), Converted: counts(), HeldoutEntered: counts(), HeldoutConverted: counts(),
		Exited: counts(), Failed: counts(), Stayed: map[string]*Stays{}, StayedBefore: map[[2]string]*Stays{},
		Moves: pairs(), Placed: pairs(), Refused: pairs(),
		Messages: map[string]map[string]int64{}, Lines: map[Line]LineCounts{}, Choices: map[string]map[string]int64{},
		Reasons: map[Reason]int64{}}
}

// Journey returns the figures of a journey, empty ones if it has none.
func (r *Report) Journey(name string) *Journey {
	j := r.Journeys[name]
	if j == nil {
		j = NewJourney()
		r.Journeys[name] = j
	}
	return j
}

// InDoubt returns how many attempts of all messages have no known result.
func (r *Report) InDoubt() int64 {
	var sum int64
	for _, j := range r.Journeys {
		for _, states := range j.Messages {
			sum += states["in doubt"]
		}
	}
	return sum
}

// Median returns how long half of those who have left a stage stayed there at most, within 2 %; zero if nobody has left it.
func (j *Journey) Median(stage string) time.Duration {
	if stays := j.Stayed[stage]; stays != nil {
		return stays.Median()
	}
	return 0
}

// Back returns the moves to a stage that stands earlier in the plan.
func (j *Journey) Back(plan *lifecycle.Journey) map[[2]string]int64 {
	back := map[[2]string]int64{}
	for pair, n := range j.Moves {
		if to := plan.Index(pair[1]); n != 0 && to >= 0 && to < plan.Index(pair[0]) {
			back[pair] = n
		}
	}
	return back
}

// Waiting returns how many runs wait, by script version.
func (j *Journey) Waiting() map[string]int64 {
	waiting := map[string]int64{}
	for line, counts := range j.Lines {
		if counts.Waiting != 0 {
			waiting[line.Version] += counts.Waiting
		}
	}
	return waiting
}

// Report sums the counters of all journeys. What was counted of a stage under a former name is in the figures of its present
// one; see Cell.named for moves between stages that have become one.
func (i *Insight) Report(ctx context.Context) (*Report, error) { return i.report(ctx, counters{}) }

// Stored returns how many customers are in each stage of a journey under the names by which their records have it: after a
// stage was renamed it takes a while until all of them know.
func (i *Insight) Stored(ctx context.Context, name string) (map[string]int64, error) {
	report, err := i.sum(ctx, counters{journey: name}, nil)
	if err != nil {
		return nil, err
	}
	return report.Journey(name).In, nil
}

// Journey sums the counters of one journey, as Report does it.
func (i *Insight) Journey(ctx context.Context, name string) (*Journey, error) {
	report, err := i.report(ctx, counters{journey: name})
	if err != nil {
		return nil, err
	}
	return report.Journey(name), nil
}

func (i *Insight) report(ctx context.Context, q counters) (*Report, error) {
	plans, err := i.running(ctx)
	if err != nil {
		return nil, err
	}
	return i.sum(ctx, q, plans)
}

// running returns the plans of the journeys that run; none if nobody knows them.
func (i *Insight) running(ctx context.Context) (map[string]*lifecycle.Journey, error) {
	if i.plans == nil {
		return nil, nil
	}
	return i.plans.Plans(ctx)
}

func (i *Insight) sum(ctx context.Context, q counters, plans map[string]*lifecycle.Journey) (*Report, error) {
	report, parts := &Report{Journeys: map[string]*Journey{}, plans: plans}, make([][]counter, i.store.Partitions())
	err := eachPartition(i.store, func(p int) error {
		answer, err := i.store.Ask(ctx, p, q)
		if err == nil {
			parts[p] = answer.([]counter)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	for _, part := range parts {
		for _, c := range part {
			report.add(c.words, c.value)
		}
	}
	for _, j := range report.Journeys {
		for _, counts := range j.Lines {
			for state, n := range counts.Sent {
				// A message that was decided before there were counts by line, and settled since, was taken from none.
				counts.Sent[state] = max(n, 0)
			}
		}
	}
	return report, nil
}

// add adds one counter. What an older or newer program counted and this one does not know is passed over.
func (r *Report) add(words []string, value []byte) {
	if len(words) < 2 {
		return
	}
	name, metric, rest := words[0], words[1], words[2:]
	if name == "" {
		switch metric {
		case "customers":
			r.Customers += count(value)
		case "late":
			r.Late += count(value)
		}
		return
	}
	j, plan := r.Journey(name), r.plans[name]
	switch len(rest) {
	case 1:
		if metric != metricMessage {
			rest = []string{plan.Present(rest[0])}
		}
		j.addByStage(metric, rest[0], value)
	case 2:
		switch cell := (Cell{From: rest[0], To: rest[1]}); metric {
		case metricCell:
			if cell.read(value) && cell.named(plan) {
				j.AddCell(&cell)
			}
		case "move":
			if cell.named(plan) {
				j.Moves[[2]string{cell.From, cell.To}] += count(value)
			}
		case "refused":
			if cell.named(plan) {
				j.Refused[[2]string{cell.From, cell.To}] += count(value)
			}
		case "chose":
			addTo(j.Choices, rest[0], rest[1], count(value))
		}
	case 3:
		if metric == "because" {
			j.Reasons[Reason{rest[0], rest[1], rest[2]}] += count(value)
			return
		}
		switch line, ok := lineOf(rest); {
		case !ok:
		case metric == "waits":
			counts := j.Lines[line]
			counts.Waiting += count(value)
			j.Lines[line] = counts
		case metric == "failed at":
			counts := j.Lines[line]
			counts.Failed += count(value)
			j.Lines[line] = counts
		}
	case 4:
		switch line, ok := lineOf(rest[1:]); {
		case !ok:
		case metric == metricSend:
			j.addSent(rest[0], line, messageStates[:], value)
		case metric == metricAnswer:
			j.addSent(rest[0], line, answers[:], value)
		}
	}
}

// AddCell adds what happened between two stages, such as a day's.
func (j *Journey) AddCell(c *Cell) {
	pair, came := [2]string{c.From, c.To}, c.Moved+c.Placed
	switch {
	case c.From != "" && c.To != "":
		addCount(j.Moves, pair, c.Moved)
	case c.To == "":
		addCount(j.Exited, c.From, c.Moved)
	}
	if c.From != "" {
		addCount(j.In, c.From, -came)
	}
	if c.To != "" {
		addCount(j.In, c.To, came)
		addCount(j.Entered, c.To, c.Moved)
	}
	addCount(j.Placed, pair, c.Placed)
	addCount(j.Refused, pair, c.Refused)
	addCount(j.HeldoutEntered, c.To, c.Held)
	addCount(j.Converted, c.From, c.Converted)
	addCount(j.HeldoutConverted, c.From, c.HeldGoals)
	if len(c.stays) > 0 {
		c.AddStays(staysOf(j.Stayed, c.From))
		c.AddStays(staysOf(j.StayedBefore, pair))
	}
}

// addCount leaves no zero behind where there was nothing to count.
func addCount[K comparable](counts map[K]int64, key K, n int64) {
	if n != 0 {
		counts[key] += n
	}
}

func staysOf[K comparable](stays map[K]*Stays, key K) *Stays {
	if stays[key] == nil {
		stays[key] = &Stays{}
	}
	return stays[key]
}

func (j *Journey) addByStage(metric, stage string, value []byte) {
	switch metric {
	case "in":
		j.In[stage] += count(value)
	case "entered":
		j.Entered[stage] += count(value)
	case "converted":
		j.Converted[stage] += count(value)
	case "held-out entered":
		j.HeldoutEntered[stage] += count(value)
	case "held-out converted":
		j.HeldoutConverted[stage] += count(value)
	case "exited":
		j.Exited[stage] += count(value)
	case "failed":
		j.Failed[stage] += count(value)
	case metricStayed:
		if j.Stayed[stage] == nil {
			j.Stayed[stage] = &Stays{}
		}
		j.Stayed[stage].readCoarse(value)
	case metricMessage:
		eachState(messageStates[:], value, func(state string, n int64) { addTo(j.Messages, stage, state, n) })
	}
}

// addSent adds counts of a line's message, to the message and to the line.
func (j *Journey) addSent(message string, line Line, names []string, value []byte) {
	counts := j.Lines[line]
	if counts.Sent == nil {
		counts.Sent = map[string]int64{}
		j.Lines[line] = counts
	}
	eachState(names, value, func(state string, n int64) {
		addTo(j.Messages, message, state, n)
		counts.Sent[state] += n
	})
}

// eachState reads a record of a message's counts, which stand in the order of names.
func eachState(names []string, value []byte, each func(state string, n int64)) {
	for i := 0; i < len(names) && 8*i+8 <= len(value); i++ {
		each(names[i], int64(binary.BigEndian.Uint64(value[8*i:])))
	}
}

func addTo(counts map[string]map[string]int64, first, second string, n int64) {
	if counts[first] == nil {
		counts[first] = map[string]int64{}
	}
	counts[first][second] += n
}

func lineOf(words []string) (Line, bool) {
	number, err := strconv.Atoi(words[2])
	return Line{words[0], words[1], number}, err == nil
}
