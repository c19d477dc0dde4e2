package web

import (
	"context"

	"github.com/gofiber/fiber/v2"
	"github.com/gofiber/fiber/v2/middleware/adaptor"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
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

// Collect reads what there is.
func (f figures) Collect(out chan<- prometheus.Metric) {
	s := f.server
	count := func(name, help string, kind prometheus.ValueType, value float64, labels ...string) {
		names := make([]string, 0, len(labels)/2)
		values := make([]string, 0, len(labels)/2)
		for i := 0; i+1 < len(labels); i += 2 {
			names, values = append(names, labels[i]), append(values, labels[i+1])
		}
		out <- prometheus.MustNewConstMetric(desc(name, help, names...), kind, value, values...)
	}
	stats := s.Store.Stats()
	count("inputs_total", "Inputs applied.", prometheus.CounterValue, float64(stats.Inputs.Load()))
	count("commits_total", "Synced commits.", prometheus.CounterValue, float64(stats.Commits.Load()))
	count("commit_groups_total", "Partition groups in those commits.", prometheus.CounterValue, float64(stats.Groups.Load()))
	count("commit_entries_total", "Keys written.", prometheus.CounterValue, float64(stats.Entries.Load()))
	count("commit_bytes_total", "Key and value bytes written.", prometheus.CounterValue, float64(stats.Bytes.Load()))
	count("events_pending", "Events whose commit is awaited.", prometheus.GaugeValue, float64(s.Engine.Pending()))
	for _, channel := range s.Channels() {
		up := 0.0
		if channelOf(channel).State == "running" {
			up = 1
		}
		count("channel_up", "Whether the channel's connector runs.", prometheus.GaugeValue, up, "channel", channel.Channel, "connector", channel.Connector)
		count("channel_restarts_total", "Restarts of the channel's connector.", prometheus.CounterValue, float64(channel.Restarts), "channel", channel.Channel, "connector", channel.Connector)
	}
	report, err := s.Insight.Report(context.Background())
	if err != nil {
		return
	}
	count("customers", "Customers known.", prometheus.GaugeValue, float64(report.Customers))
	for name, j := range report.Journeys {
		if name == "" {
			continue
		}
		for stage, value := range j.In {
			count("stage_customers", "Customers in the stage.", prometheus.GaugeValue, float64(value), "journey", name, "stage", stage)
		}
		for stage, value := range j.Failed {
			count("script_failures_total", "Steps set aside because a script failed.", prometheus.CounterValue, float64(value), "journey", name, "stage", stage)
		}
		for message, states := range j.Messages {
			for state, value := range states {
				count("messages", "Messages by state; decided and in doubt only grow.", prometheus.GaugeValue, float64(value), "journey", name, "message", message, "state", state)
			}
		}
	}
}
