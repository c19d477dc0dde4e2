package cli

import (
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"text/tabwriter"

	"stagecraft/app/lifecycle"
	"stagecraft/app/script"
)

// PlanCommand says what publishing a journey would do to the customers in it.
type PlanCommand struct {
	Journey string            `arg:"" help:"The journey, as it stands in the server's scripts folder."`
	Folder  string            `arg:"" optional:"" placeholder:"FOLDER" help:"A scripts folder whose files of the journey are looked at instead."`
	Where   map[string]string `name:"where" placeholder:"OLD=NEW" help:"Where the customers of a stage that is gone would be put, as retired in journey.lua says; OLD= is out of the journey."`
	Drain   bool              `name:"drain" help:"As if the runs of older versions were to end."`
	JSON    bool              `name:"json" help:"Print JSON."`
	Remote
}

// Run asks, and prints a table. It exits with 1 if publishing would be refused.
func (c *PlanCommand) Run(w *world) error {
	files := map[string]string{}
	if c.Folder != "" {
		source, err := script.ReadDraft(os.DirFS(c.Folder), c.Journey, nil)
		if err != nil {
			return err
		}
		for file, text := range source.Files {
			files[file] = string(text)
		}
	}
	where := map[string]*string{}
	for stage, to := range c.Where {
		if where[stage] = &to; to == "" {
			where[stage] = nil
		}
	}
	client, err := c.client()
	if err != nil {
		return err
	}
	var answer json.RawMessage
	request := map[string]any{"files": files, "whole": c.Folder != "", "drain": c.Drain, "where": where}
	if _, err = client.Post(w.ctx, "/api/journeys/"+url.PathEscape(c.Journey)+"/plan", request, &answer); err != nil {
		return err
	}
	var plan stagePlan
	if err = json.Unmarshal(answer, &plan); err != nil {
		return lifecycle.Wrap(lifecycle.Internal, err, "the server's answer cannot be read")
	}
	if c.JSON {
		if _, err = fmt.Fprintf(w.stdout, "%s\n", answer); err != nil {
			return err
		}
	} else if err = plan.print(w); err != nil {
		return err
	}
	if plan.Blocked {
		return &Exit{Code: 1}
	}
	return nil
}

type stagePlan struct {
	Stages []struct {
		Stage, Fate, To                                             string
		Customers, Runs, RunsEnd, Timers, TimersEnd, TimersNew, Due int64
	}
	Allowed, Refused [][2]string
	Blocked          bool
	Looked           int64
	Complete         bool
}

func (p *stagePlan) print(w *world) error {
	table := tabwriter.NewWriter(w.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "stage\twhat becomes of it\tcustomers\truns that end\tsilences that end\tthat begin\tdue within the hour")
	for _, s := range p.Stages {
		fate := s.Fate
		switch {
		case fate == "retired" && s.To == "":
			fate += ", its customers leave the journey"
		case s.To != "":
			fate += ", its customers are in " + s.To
		case fate == "missing" && s.Customers > 0:
			fate += ": where do its customers go?"
		}
		fmt.Fprintf(table, "%s\t%s\t%d\t%d of %d\t%d of %d\t%d\t%d\n", s.Stage, fate, s.Customers, s.RunsEnd, s.Runs, s.TimersEnd, s.Timers, s.TimersNew, s.Due)
	}
	if err := table.Flush(); err != nil {
		return err
	}
	for _, moves := range []struct {
		said string
		list [][2]string
	}{{"allowed from now on", p.Allowed}, {"not allowed any more", p.Refused}} {
		for _, pair := range moves.list {
			fmt.Fprintf(w.stdout, "move %s -> %s: %s\n", pair[0], pair[1], moves.said)
		}
	}
	if !p.Complete {
		fmt.Fprintf(w.stdout, "These are the figures of %d customers; there are more.\n", p.Looked)
	}
	if p.Blocked {
		fmt.Fprintln(w.stdout, `It would be refused. Say in journey.lua where they go: renamed = { ["old"] = "new" } or retired = { ["old"] = "another" }.`)
	}
	return nil
}
