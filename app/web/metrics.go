package web

import (
	"context"

	"github.com/gofiber/fiber/v2"
	"github.com/gofiber/fiber/v2/middleware/adaptor"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"stagecraft/app/insight"
	"stagecraft/app/lifecycle"
)

// metrics answers in the Prometheus text format.
func (s *Server) metrics() fiber.Handler {
	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}), s.figures())
	return adaptor.HTTPHandler(promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
}

// figures reads the store's counters and the report at each scrape.
type figures struct{ server *Server }

func (s *Server) figures() prometheus.Collector { return figures{s} }

func desc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("stagecraft_"+name, help, labels, nil)
}

// Describe sends nothing: which journeys there are is known at the scrape only.
func (f figures) Describe(chan<- *prometheus.Desc) {}

// emit sends one figure; labels are names and values in turn.
type emit func(name, help string, kind prometheus.ValueType, value float64, labels ...string)

// Collect reads what there is.
func (f figures) Collect(out chan<- prometheus.Metric) {
	send := func(name, help string, kind prometheus.ValueType, value float64, labels ...string) {
		names := make([]string, 0, len(labels)/2)
		values := make([]string, 0, len(labels)/2)
		for i := 0; i+1 < len(labels); i += 2 {
			names, values = append(names, labels[i]), append(values, labels[i+1])
		}
		out <- prometheus.MustNewConstMetric(desc(name, help, names...), kind, value, values...)
	}
	f.server.sendMachine(send)
	ctx := context.Background()
	report, err := f.server.Insight.Report(ctx)
	if err != nil {
		return
	}
	send("customers", "Customers known.", prometheus.GaugeValue, float64(report.Customers))
	for name, j := range report.Journeys {
		if lifecycle.IsBroadcast(name) {
			continue // there is no end to them; their figures are with them
		}
		sendStages(send, name, j)
		sendActs(send, name, j)
	}
	f.server.sendPlans(ctx, send, report)
}

// sendMachine sends what the store, the senders of events and the channels are doing.
func (s *Server) sendMachine(send emit) {
	stats := s.Store.Stats()
	send("inputs_total", "Inputs applied.", prometheus.CounterValue, float64(stats.Inputs.Load()))
	send("commits_total", "Synced commits.", prometheus.CounterValue, float64(stats.Commits.Load()))
	send("commit_groups_total", "Partition groups in those commits.", prometheus.CounterValue, float64(stats.Groups.Load()))
	send("commit_entries_total", "Keys written.", prometheus.CounterValue, float64(stats.Entries.Load()))
	send("commit_bytes_total", "Key and value bytes written.", prometheus.CounterValue, float64(stats.Bytes.Load()))
	send("identities_suspicious_total", "Identities found to be shared by several people since the start.", prometheus.CounterValue, float64(s.Engine.Suspected()))
	send("events_refused_total", "Events of batches that were refused since the start, each in an answer of 200.", prometheus.CounterValue, float64(s.refusals.total.Load()))
	send("events_pending", "Events whose commit is awaited.", prometheus.GaugeValue, float64(s.Engine.Pending()))
	for _, channel := range s.Channels() {
		up := 0.0
		if channel.State == "running" {
			up = 1
		}
		send("channel_up", "Whether the channel's connector runs.", prometheus.GaugeValue, up, "channel", channel.Channel, "connector", channel.Connector)
		send("channel_restarts_total", "Restarts of the channel's connector.", prometheus.CounterValue, float64(channel.Restarts), "channel", channel.Channel, "connector", channel.Connector)
	}
}

// sendStages sends what is counted by stage.
func sendStages(send emit, name string, j *insight.Journey) {
	for _, metric := range []struct {
		name, help string
		kind       prometheus.ValueType
		byStage    map[string]int64
	}{
		{"stage_customers", "Customers in the stage.", prometheus.GaugeValue, j.In},
		{"stage_entered_total", "Entries into the stage.", prometheus.CounterValue, j.Entered},
		{"stage_converted_total", "Goals reached in the stage.", prometheus.CounterValue, j.Converted},
		{"stage_heldout_entered_total", "Entries of customers who get no marketing, for comparison.", prometheus.CounterValue, j.HeldoutEntered},
		{"stage_heldout_converted_total", "Goals reached by customers who get no marketing.", prometheus.CounterValue, j.HeldoutConverted},
		{"stage_exits_total", "Customers who left the journey from the stage.", prometheus.CounterValue, j.Exited},
		{"script_failures_total", "Steps set aside because a script failed.", prometheus.CounterValue, j.Failed},
	} {
		for stage, value := range metric.byStage {
			send(metric.name, metric.help, metric.kind, float64(value), "journey", name, "stage", stage)
		}
	}
	for stage := range j.Stayed {
		send("stage_stay_median_seconds", "How long half of those who have left the stage stayed at most.", prometheus.GaugeValue,
			j.Median(stage).Seconds(), "journey", name, "stage", stage)
	}
}

// sendActs sends what scripts did. Figures of single lines are left to the console: each version has its own.
func sendActs(send emit, name string, j *insight.Journey) {
	for message, states := range j.Messages {
		for state, value := range states {
			send("messages", "Messages by state, and by what came back of them; decided, in doubt and what came back only grow.", prometheus.GaugeValue, float64(value), "journey", name, "message", message, "state", state)
		}
	}
	for version, value := range j.Waiting() {
		send("runs_waiting", "Runs that wait, by the script version they began with.", prometheus.GaugeValue, float64(value), "journey", name, "version", version)
	}
	for choice, values := range j.Choices {
		for given, value := range values {
			send("choices_total", "What splits and choices gave.", prometheus.CounterValue, float64(value), "journey", name, "name", choice, "value", given)
		}
	}
}

// sendPlans sends what can be said with the plan of a journey in hand.
func (s *Server) sendPlans(ctx context.Context, send emit, report *insight.Report) {
	states, err := s.Engine.States(ctx)
	if err != nil {
		return
	}
	for _, state := range states {
		send("journey_mode", "The journey's mode; always 1.", prometheus.GaugeValue, 1, "journey", state.Name, "mode", string(state.Mode))
		program, ok := s.Engine.Program(state.Version)
		if !ok {
			continue
		}
		for pair, value := range report.Journey(state.Name).Back(&program.Journey) {
			send("steps_back_total", "Moves to an earlier stage.", prometheus.CounterValue, float64(value), "journey", state.Name, "from", pair[0], "to", pair[1])
		}
	}
}
