package web

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"stagecraft/app/insight"
	"stagecraft/app/lifecycle"
)

// routeReport serves a journey in figures: who came, who left and where to, when, and how long they had stayed.
func (s *Server) routeReport() {
	s.fiber.Get("/v1/journeys/:name/figures", s.guardConsole, s.journeyFigures)
	s.fiber.Get("/v1/journeys/:name/figures.csv", s.guardConsole, s.figuresTable)
}

// wireReport is a journey in figures, over all time or from one day to another. Customers is how many there are now,
// whatever the days.
type wireReport struct {
	Journey   string            `json:"journey"`
	Title     string            `json:"title"`
	Version   string            `json:"version"`
	At        time.Time         `json:"at"`
	From      string            `json:"from"` // the days that were asked for; "" if they have no end
	To        string            `json:"to"`
	Today     string            `json:"today"`
	Customers int64             `json:"customers"`
	Entered   int64             `json:"entered"` // came into the journey
	Exited    int64             `json:"exited"`  // left it
	Stages    []wireStageReport `json:"stages"`
	Moves     []wireMoveReport  `json:"moves"`
	Days      []wireDayReport   `json:"days"` // those on which something happened
}

type wireStageReport struct {
	Name          string    `json:"name"`
	Title         string    `json:"title"`
	Phase         string    `json:"phase"`
	Goal          string    `json:"goal"`
	Retired       bool      `json:"retired"` // the version that runs has it no longer
	Customers     int64     `json:"customers"`
	Entered       int64     `json:"entered"`
	Left          int64     `json:"left"`
	Forward       int64     `json:"forward"` // of left: to a later stage
	Back          int64     `json:"back"`    // of left: to an earlier stage
	Exited        int64     `json:"exited"`  // of left: out of the journey
	Refused       int64     `json:"refused"`
	Converted     int64     `json:"converted"`
	Holdout       float64   `json:"holdout"`
	HeldEntered   int64     `json:"heldEntered"`
	HeldConverted int64     `json:"heldConverted"`
	Stayed        wireStays `json:"stayed"`
}

// wireMoveReport is what happened between two stages; "" is outside of the journey.
type wireMoveReport struct {
	From      string    `json:"from"`
	To        string    `json:"to"`
	Direction string    `json:"direction"` // forward, back, in or out
	Count     int64     `json:"count"`
	Placed    int64     `json:"placed"` // without a move: by a merge or an import
	Refused   int64     `json:"refused"`
	Stayed    wireStays `json:"stayed"` // in From, before
}

// wireStays is how long customers stayed, in seconds, each within 2 %.
type wireStays struct {
	Count int64   `json:"count"`
	P10   float64 `json:"p10"`
	P25   float64 `json:"p25"`
	P50   float64 `json:"p50"`
	P75   float64 `json:"p75"`
	P90   float64 `json:"p90"`
	P99   float64 `json:"p99"`
}

// wireDayReport is one day; the lists are in the order of the stages.
type wireDayReport struct {
	Day       string  `json:"day"`
	Entered   []int64 `json:"entered"`
	Left      []int64 `json:"left"`
	Back      []int64 `json:"back"`
	Exited    []int64 `json:"exited"`
	Converted []int64 `json:"converted"`
	Refused   []int64 `json:"refused"`
	Net       []int64 `json:"net"` // by how many more customers are in the stage at the end of the day, placed ones among them
}

func staysOf(stays *insight.Stays) wireStays {
	if stays == nil {
		return wireStays{}
	}
	q := stays.Quantiles()
	of := func(i int) float64 { return q[i].Round(time.Millisecond).Seconds() }
	return wireStays{stays.Count(), of(0), of(1), of(2), of(3), of(4), of(5)}
}

// daysAsked reads the days that a request names, both among them; "" is no bound.
func daysAsked(c *fiber.Ctx) (from, to insight.Date, err error) {
	from, to = -1<<31, 1<<31-1
	for _, bound := range []struct {
		name string
		date *insight.Date
	}{{"from", &from}, {"to", &to}} {
		text := strings.Clone(c.Query(bound.name))
		if text == "" {
			continue
		}
		at, err := time.Parse(time.DateOnly, text)
		if err != nil {
			return 0, 0, fieldError(bound.name, "%s must be a day such as 2026-01-31, not %.20q", bound.name, text)
		}
		*bound.date = insight.DateOf(at)
	}
	if from > to {
		return 0, 0, fieldError("from", "from must not be after to")
	}
	return from, to, nil
}

// reported is what both forms of the report are made of.
type reported struct {
	plan   *lifecycle.Journey
	stages []string         // those of the plan, then those that have figures still
	total  *insight.Journey // all time
	asked  *insight.Journey // of the days asked for
	days   []insight.Day
}

func (s *Server) reported(c *fiber.Ctx) (*reported, error) {
	name, program, err := s.running(c)
	if err != nil {
		return nil, err
	}
	from, to, err := daysAsked(c)
	if err != nil {
		return nil, err
	}
	r := &reported{plan: &program.Journey}
	// The days first: what comes between is in the totals, and no day is in them twice.
	if r.days, err = s.Insight.Days(c.UserContext(), name, from, to); err != nil {
		return nil, err
	}
	if r.total, err = s.Insight.Journey(c.UserContext(), name); err != nil {
		return nil, err
	}
	if r.asked = r.total; c.Query("from") != "" || c.Query("to") != "" {
		r.asked = insight.NewJourney()
		for i := range r.days {
			r.days[i].AddTo(r.asked)
		}
	}
	for i := range r.plan.Stages {
		r.stages = append(r.stages, r.plan.Stages[i].Name)
	}
	planned := len(r.stages)
	for _, counts := range []map[string]int64{r.asked.Entered, r.asked.Exited, r.total.In} {
		for stage, n := range counts {
			if n != 0 && !slices.Contains(r.stages, stage) {
				r.stages = append(r.stages, stage)
			}
		}
	}
	for pair, n := range r.asked.Moves {
		if n != 0 && !slices.Contains(r.stages, pair[0]) {
			r.stages = append(r.stages, pair[0])
		}
	}
	slices.Sort(r.stages[planned:])
	return r, nil
}

// direction says where a move leads.
func (r *reported) direction(from, to string) string {
	switch {
	case from == "":
		return "in"
	case to == "":
		return "out"
	case r.back(from, to):
		return "back"
	}
	return "forward"
}

// back reports whether a move goes to a stage that stands earlier in the plan.
func (r *reported) back(from, to string) bool {
	i := r.plan.Index(to)
	return i >= 0 && i < r.plan.Index(from)
}

// stage is a stage in figures.
func (r *reported) stage(name string, j *insight.Journey) wireStageReport {
	w := wireStageReport{Name: name, Title: name, Retired: true, Customers: r.total.In[name], Entered: j.Entered[name], Exited: j.Exited[name],
		Converted: j.Converted[name], HeldEntered: j.HeldoutEntered[name], HeldConverted: j.HeldoutConverted[name], Stayed: staysOf(j.Stayed[name])}
	if stage := r.plan.Stage(name); stage != nil {
		of := stageOf(r.plan, stage, j)
		w.Title, w.Phase, w.Goal, w.Holdout, w.Retired = of.Title, of.Phase, of.Goal, of.Holdout, false
	}
	for pair, n := range j.Moves {
		switch {
		case pair[0] != name:
		case r.back(name, pair[1]):
			w.Back += n
		default:
			w.Forward += n
		}
	}
	for pair, n := range j.Refused {
		if pair[0] == name {
			w.Refused += n
		}
	}
	w.Left = w.Exited + w.Forward + w.Back
	return w
}

// moves lists what happened between stages, in the order of the stages.
func (r *reported) moves(j *insight.Journey) []wireMoveReport {
	pairs := map[[2]string]*wireMoveReport{}
	at := func(from, to string) *wireMoveReport {
		pair := [2]string{from, to}
		if pairs[pair] == nil {
			pairs[pair] = &wireMoveReport{From: from, To: to, Direction: r.direction(from, to), Stayed: staysOf(j.StayedBefore[pair])}
		}
		return pairs[pair]
	}
	for from, stages := range r.plan.Moves {
		for _, to := range stages {
			at(from, to)
		}
	}
	into := map[string]int64{}
	for pair, n := range j.Moves {
		at(pair[0], pair[1]).Count, into[pair[1]] = n, into[pair[1]]+n
	}
	for stage, n := range j.Entered {
		if came := n - into[stage]; came > 0 {
			at("", stage).Count = came
		}
	}
	for stage, n := range j.Exited {
		at(stage, "").Count = n
	}
	for pair, n := range j.Placed {
		at(pair[0], pair[1]).Placed = n
	}
	for pair, n := range j.Refused {
		at(pair[0], pair[1]).Refused = n
	}
	list := make([]wireMoveReport, 0, len(pairs))
	for _, move := range pairs {
		list = append(list, *move)
	}
	slices.SortFunc(list, func(a, b wireMoveReport) int {
		if d := slices.Index(r.stages, a.From) - slices.Index(r.stages, b.From); d != 0 {
			return d
		}
		if d := slices.Index(r.stages, a.To) - slices.Index(r.stages, b.To); d != 0 {
			return d
		}
		return strings.Compare(a.To, b.To)
	})
	return list
}

// day is one day in counts.
func (r *reported) day(day *insight.Day) wireDayReport {
	counts := func() []int64 { return make([]int64, len(r.stages)) }
	w := wireDayReport{Day: day.Date.String(), Entered: counts(), Left: counts(), Back: counts(), Exited: counts(), Converted: counts(),
		Refused: counts(), Net: counts()}
	for i := range day.Cells {
		cell := &day.Cells[i]
		from, to := slices.Index(r.stages, cell.From), slices.Index(r.stages, cell.To)
		if to >= 0 {
			w.Entered[to] += cell.Moved
			w.Net[to] += cell.Moved + cell.Placed
		}
		if from < 0 {
			continue
		}
		w.Left[from] += cell.Moved
		w.Net[from] -= cell.Moved + cell.Placed
		w.Refused[from] += cell.Refused
		w.Converted[from] += cell.Converted
		if cell.To == "" {
			w.Exited[from] += cell.Moved
		} else if r.back(cell.From, cell.To) {
			w.Back[from] += cell.Moved
		}
	}
	return w
}

// journeyFigures answers a journey in figures. from and to are days, UTC, both among them; without them it is all time.
func (s *Server) journeyFigures(c *fiber.Ctx) error {
	r, err := s.reported(c)
	if err != nil {
		return err
	}
	now := s.Clock.Now().UTC()
	w := wireReport{Journey: r.plan.Name, Title: r.plan.Title, Version: r.plan.Version, At: now, From: strings.Clone(c.Query("from")),
		To: strings.Clone(c.Query("to")), Today: insight.DateOf(now).String(), Stages: []wireStageReport{}, Moves: r.moves(r.asked),
		Days: make([]wireDayReport, 0, len(r.days))}
	for _, name := range r.stages {
		stage := r.stage(name, r.asked)
		w.Stages = append(w.Stages, stage)
		w.Customers += stage.Customers
		w.Exited += stage.Exited
	}
	for _, move := range w.Moves {
		if move.From == "" {
			w.Entered += move.Count
		}
	}
	for i := range r.days {
		w.Days = append(w.Days, r.day(&r.days[i]))
	}
	return c.JSON(w)
}

// figuresTable answers the same as a table: a row for each day and stage, or with by=move for each day and move; with
// days=total one for the whole time.
func (s *Server) figuresTable(c *fiber.Ctx) error {
	by, per := c.Query("by", "stage"), c.Query("days", "each")
	switch {
	case by != "stage" && by != "move":
		return fieldError("by", "by must be stage or move")
	case per != "each" && per != "total":
		return fieldError("days", "days must be each or total")
	}
	r, err := s.reported(c)
	if err != nil {
		return err
	}
	var text bytes.Buffer
	table := csv.NewWriter(&text)
	head := []string{"day", "stage", "entered", "left", "forward", "back", "exited", "converted", "refused", "held_out_entered", "held_out_converted"}
	if by == "move" {
		head = []string{"day", "from", "to", "direction", "moved", "placed", "refused"}
	}
	head = append(head, "stays")
	for _, name := range insight.Percentiles {
		head = append(head, name+"_seconds")
	}
	table.Write(head) // into memory: it does not fail
	rows := func(day string, j *insight.Journey) {
		if by == "move" {
			for _, m := range r.moves(j) {
				if m.Count+m.Placed+m.Refused > 0 {
					table.Write(append([]string{day, noFormula(m.From), noFormula(m.To), m.Direction, whole(m.Count), whole(m.Placed), whole(m.Refused)}, m.Stayed.columns()...))
				}
			}
			return
		}
		for _, name := range r.stages {
			g := r.stage(name, j)
			if per == "total" || g.Entered+g.Left+g.Converted+g.Refused > 0 {
				table.Write(append([]string{day, noFormula(name), whole(g.Entered), whole(g.Left), whole(g.Forward), whole(g.Back), whole(g.Exited),
					whole(g.Converted), whole(g.Refused), whole(g.HeldEntered), whole(g.HeldConverted)}, g.Stayed.columns()...))
			}
		}
	}
	if per == "total" {
		rows("", r.asked)
	} else {
		for i := range r.days {
			j := insight.NewJourney()
			r.days[i].AddTo(j)
			rows(r.days[i].Date.String(), j)
		}
	}
	table.Flush()
	c.Set(fiber.HeaderContentType, "text/csv; charset=utf-8")
	c.Set(fiber.HeaderContentDisposition, fmt.Sprintf("attachment; filename=%q", r.plan.Name+"-"+by+"s.csv"))
	return c.Send(text.Bytes())
}

func (w wireStays) columns() []string {
	columns := []string{whole(w.Count)}
	for _, seconds := range []float64{w.P10, w.P25, w.P50, w.P75, w.P90, w.P99} {
		text := ""
		if w.Count > 0 {
			text = strconv.FormatFloat(seconds, 'f', -1, 64)
		}
		columns = append(columns, text)
	}
	return columns
}

func whole(n int64) string { return strconv.FormatInt(n, 10) }
