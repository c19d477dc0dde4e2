package cli

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"strings"
	"text/tabwriter"
	"time"

	"stagecraft/app/script"
)

// SegmentsCommand is about the segments of a running server. Their files stand in scripts/segments; saving one publishes it.
type SegmentsCommand struct {
	List    SegmentsListCommand    `cmd:"" default:"withargs" help:"List the segments with the number of their members (the default)."`
	Show    SegmentsShowCommand    `cmd:"" help:"Show the script of a segment."`
	Members SegmentsMembersCommand `cmd:"" help:"List who is in a segment."`
}

// segmentsAnswer is what the server lists.
type segmentsAnswer struct {
	Segments []struct {
		Name    string `json:"name"`
		Title   string `json:"title"`
		Members int64  `json:"members"`
		Failure *struct {
			File    string `json:"file"`
			Line    int    `json:"line"`
			Message string `json:"message"`
		} `json:"failure"`
	} `json:"segments"`
	Published time.Time `json:"published"`
	Walking   bool      `json:"walking"`
	Walked    int64     `json:"walked"`
	Problem   *struct {
		File    string `json:"file"`
		Line    int    `json:"line"`
		Message string `json:"message"`
		Hint    string `json:"hint"`
	} `json:"problem"`
}

// SegmentsListCommand lists.
type SegmentsListCommand struct {
	JSON bool `name:"json" help:"Print what the server answers, as JSON."`
	Remote
}

// Run lists.
func (c *SegmentsListCommand) Run(w *world) error {
	client, err := c.client()
	if err != nil {
		return err
	}
	var raw json.RawMessage
	if _, err = client.Get(w.ctx, "/v1/segments", &raw); err != nil {
		return err
	}
	if c.JSON {
		_, err = fmt.Fprintln(w.stdout, string(raw))
		return err
	}
	var answer segmentsAnswer
	if err = json.Unmarshal(raw, &answer); err != nil {
		return err
	}
	table := tabwriter.NewWriter(w.stdout, 0, 0, 2, ' ', 0)
	if len(answer.Segments) > 0 {
		fmt.Fprintln(table, "segment\tmembers\ttitle")
	}
	for _, s := range answer.Segments {
		fmt.Fprintf(table, "%s\t%d\t%s\n", s.Name, s.Members, s.Title)
		if f := s.Failure; f != nil {
			fmt.Fprintf(table, "\t\t%s:%d: %s\n", f.File, f.Line, f.Message)
		}
	}
	if len(answer.Segments) == 0 {
		fmt.Fprintln(table, "There are no segments; write one to scripts/segments/NAME.lua.")
	}
	if answer.Walking {
		fmt.Fprintf(table, "A change is on its way: %d customers were asked so far.\n", answer.Walked)
	}
	if p := answer.Problem; p != nil {
		fmt.Fprintf(table, "The newest files are not used. %s:%d: %s %s\n", p.File, p.Line, p.Message, p.Hint)
	}
	return table.Flush()
}

// SegmentsShowCommand shows one.
type SegmentsShowCommand struct {
	Name string `arg:"" help:"The segment."`
	JSON bool   `name:"json" help:"Print what the server answers, as JSON."`
	Remote
}

// Run shows it.
func (c *SegmentsShowCommand) Run(w *world) error {
	client, err := c.client()
	if err != nil {
		return err
	}
	var raw json.RawMessage
	if _, err = client.Get(w.ctx, "/v1/segments/"+url.PathEscape(c.Name), &raw); err != nil {
		return err
	}
	if c.JSON {
		_, err = fmt.Fprintln(w.stdout, string(raw))
		return err
	}
	var answer struct {
		Text string `json:"text"`
	}
	if err = json.Unmarshal(raw, &answer); err == nil {
		_, err = fmt.Fprint(w.stdout, answer.Text)
	}
	return err
}

// SegmentsMembersCommand lists members.
type SegmentsMembersCommand struct {
	Name  string `arg:"" help:"The segment."`
	Limit int    `name:"limit" default:"100" placeholder:"N" help:"How many at most; 0 lists all. Default: ${default}."`
	JSON  bool   `name:"json" help:"Print a JSON object a line."`
	Remote
}

// Run lists them, page by page.
func (c *SegmentsMembersCommand) Run(w *world) error {
	client, err := c.client()
	if err != nil {
		return err
	}
	list := pages{path: "/v1/segments/" + url.PathEscape(c.Name) + "/members", name: "members", most: 1000}
	return list.each(w, client, c.Limit, func(raw json.RawMessage) error { return c.print(w, raw) })
}

func (c *SegmentsMembersCommand) print(w *world, raw json.RawMessage) error {
	if c.JSON {
		_, err := fmt.Fprintln(w.stdout, string(raw))
		return err
	}
	var m struct {
		ID, UserID, AnonymousID string
		Email, Name             any
	}
	if err := json.Unmarshal(raw, &m); err != nil {
		return err
	}
	parts := []string{m.ID, cmp.Or(m.UserID, m.AnonymousID)}
	for _, value := range []any{m.Email, m.Name} {
		if text, ok := value.(string); ok {
			parts = append(parts, text)
		}
	}
	_, err := fmt.Fprintln(w.stdout, strings.Join(parts, "  "))
	return err
}

// checkSegments says what is wrong with the segments of a scripts folder, among its journeys as far as they could be read.
func checkSegments(host *script.Host, folder fs.FS, journeys []script.Source, all bool) (problems []script.Problem) {
	source, err := script.ReadSegments(folder)
	var unread script.Errors
	if errors.As(err, &unread) {
		for _, e := range unread {
			problems = append(problems, unreadable(e))
		}
		return problems
	}
	var programs []*script.Program
	for _, journey := range journeys {
		if program, err := host.Compile(journey); err == nil {
			programs = append(programs, program)
		}
	}
	return append(host.CheckSegments(source), script.SegmentNames(source, programs, all && len(programs) == len(journeys))...)
}
