package web

import (
	"slices"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"stagecraft/app/delivery"
	"stagecraft/app/engine"
	"stagecraft/app/lifecycle"
)

// Bounds of one page of an export.
const (
	exportBytes    = 1 << 20 // of records read, where a row is about as long as its record
	exportFacts    = 1 << 18 // of records read, where each becomes several rows
	exportMessages = 2000
	exportEmpty    = 8 // partitions without a row that one page passes
)

// nextCursor is the header of a page that is not the last one.
const nextCursor = "X-Next-Cursor"

// routeExport has the exports of everything, for the operator.
func (s *Server) routeExport() {
	s.fiber.Get("/v1/export/:kind", s.guardConsole, s.export)
}

// exportFilters are those that each export knows. One that it does not know is refused: every row would come back.
var exportFilters = map[string][]string{
	"customers": nil, // they are exported as they are now
	"events":    {"from", "until", "event", "source"},
	"messages":  {"from", "until", "journey"},
	"decisions": {"from", "until", "journey"},
}

// exportFilter says which rows are asked for; what is empty does not matter.
type exportFilter struct {
	from, until time.Time // of events and decisions by when they came in or happened, of messages by when they were decided
	event       string
	journey     string
	source      string
}

func (f *exportFilter) within(at time.Time) bool {
	return (f.from.IsZero() || !at.Before(f.from)) && (f.until.IsZero() || at.Before(f.until))
}

// export answers with a page of customers, events, messages or decisions, as CSV or NDJSON:
// ?format=&columns=&raw=&cursor= and the filters that it has. A page may be empty; the last one has no X-Next-Cursor.
func (s *Server) export(c *fiber.Ctx) error {
	kind := strings.Clone(c.Params("kind"))
	if exportColumns[kind] == nil {
		return lifecycle.Errorf(lifecycle.NotFound, "there is no export of %.40q; there are customers, events, messages and decisions", kind)
	}
	var form exportForm
	switch raw := c.Query("raw"); raw {
	case "", "0", "false":
	case "1", "true":
		form.raw = true
	default:
		return fieldError("raw", "raw is true or false, not %.20q", raw)
	}
	switch format := c.Query("format", "ndjson"); format {
	case "csv":
		form.csv = true
		c.Set(fiber.HeaderContentType, "text/csv; charset=utf-8; header=present")
	case "ndjson":
		c.Set(fiber.HeaderContentType, "application/x-ndjson")
	default:
		return fieldError("format", "format is csv or ndjson, not %.20q", format)
	}
	c.Set("X-Content-Type-Options", "nosniff")
	var err error
	if form.columns, err = exportColumnsOf(kind, c.Query("columns")); err != nil {
		return err
	}
	for _, name := range []string{"from", "until", "event", "journey", "source"} {
		if takes := exportFilters[kind]; c.Query(name) != "" && !slices.Contains(takes, name) {
			wrong := fieldError(name, "an export of %s has no filter %s", kind, name)
			if wrong.Hint = "it has none"; len(takes) > 0 {
				wrong.Hint = "it has " + strings.Join(takes, ", ")
			}
			return wrong
		}
	}
	filter := exportFilter{event: strings.Clone(c.Query("event")), journey: strings.Clone(c.Query("journey")), source: strings.Clone(c.Query("source"))}
	for name, into := range map[string]*time.Time{"from": &filter.from, "until": &filter.until} {
		if text := c.Query(name); text != "" {
			at, ok := instant(text)
			if !ok {
				return fieldError(name, "%s %.40q is not a time like 2026-01-31T12:00:00Z", name, text)
			}
			*into = at
		}
	}
	list := "export-" + kind
	place, err := cursor(c, list, func(place []byte) bool { return isExportPlace(kind, place) })
	if err != nil {
		return err
	}
	var partition int
	var position []byte // a key in it; nil: its begin
	if len(place) > 0 {
		partition = int(place[0])
	}
	if len(place) > 1 {
		position = place[1:]
	}
	var out []byte
	if place == nil {
		out = form.header()
	}
	written := len(out)
	for passed := 0; partition < lifecycle.Partitions && passed < exportEmpty && len(out) == written; passed++ {
		var next []byte
		if out, next, err = s.exportPage(c, kind, &form, &filter, partition, position, out); err != nil {
			return err
		}
		if position = next; next == nil {
			partition++
		}
	}
	if partition < lifecycle.Partitions {
		c.Set(nextCursor, cursorOf(list, append([]byte{byte(partition)}, position...)))
	}
	return c.Send(out)
}

// isExportPlace reports whether a cursor names a partition and, if anything, a key of what is exported.
func isExportPlace(kind string, place []byte) bool {
	if int(place[0]) >= lifecycle.Partitions || len(place) == 1 {
		return len(place) == 1 && int(place[0]) < lifecycle.Partitions
	}
	switch key := place[1:]; kind {
	case "customers":
		return len(key) == 17 && key[0] == 'c'
	case "messages":
		return len(key) == 24
	default:
		return len(key) == 25 && key[0] == 'e'
	}
}

// exportPage appends the rows of a part of a partition.
func (s *Server) exportPage(c *fiber.Ctx, kind string, form *exportForm, filter *exportFilter, partition int, position, out []byte) (_ []byte, next []byte, err error) {
	ctx := c.UserContext()
	add := func(row exportRow) {
		if err == nil {
			out, err = form.row(out, row)
		}
	}
	switch kind {
	case "customers":
		page, failed := s.Engine.ExportCustomers(ctx, partition, position, exportBytes)
		if failed != nil {
			return nil, nil, failed
		}
		for i, customer := range page.Customers {
			add(customerRow(customer, page.Segments[i], s.Clock.Now()))
		}
		next = page.Next
	case "messages":
		wanted := delivery.Filter{From: filter.from, Until: filter.until, Journey: filter.journey}
		messages, after, failed := s.Delivery.Export(ctx, partition, wanted, position, exportMessages)
		if failed != nil {
			return nil, nil, failed
		}
		for i := range messages {
			add(messageRow(&messages[i]))
		}
		next = after
	default:
		size := exportBytes
		if kind == "decisions" {
			size = exportFacts
		}
		page, failed := s.Engine.ExportTimeline(ctx, partition, position, size)
		if failed != nil {
			return nil, nil, failed
		}
		for i := range page.Entries {
			lived := &page.Entries[i]
			if kind == "events" && engine.IsStageEvent(filter.event) {
				for _, event := range engine.StageEvents(lived) {
					if told := *lived; event.Name == filter.event {
						if told.Event = &event; filter.wants(&told) {
							add(eventRow(&told))
						}
					}
				}
				continue
			}
			if kind == "events" {
				if lived.Event != nil && filter.wants(lived) {
					add(eventRow(lived))
				}
				continue
			}
			for f := range lived.Facts {
				if fact := &lived.Facts[f]; filter.within(fact.At) && (filter.journey == "" || filter.journey == fact.Journey) {
					add(decisionRow(lived, fact))
				}
			}
		}
		next = page.Next
	}
	if err != nil {
		return nil, nil, err
	}
	return out, next, nil
}

func (f *exportFilter) wants(lived *engine.Lived) bool {
	return f.within(lived.At) && (f.event == "" || f.event == lived.Event.Name) && (f.source == "" || f.source == lived.Event.Source)
}
