// Package channeltest is the conformance suite for channel connectors: whoever writes one runs it in a test of their
// own and knows that Stagecraft can rely on the connector. It starts the connector as Stagecraft does, as a subprocess.
//
// A test binary can be its own connector:
//
//	func TestMain(m *testing.M) {
//		if len(os.Args) > 1 && os.Args[1] == "plugin" {
//			channel.Serve(New())
//			return
//		}
//		os.Exit(m.Run())
//	}
//
//	func TestConformance(t *testing.T) {
//		channeltest.Run(t, channeltest.Self(t, "plugin"), `{"folder": "…"}`)
//	}
package channeltest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"stagecraft/plugins/channel"
)

// patience is how long the suite waits for what a healthy connector does within milliseconds, on a busy machine.
const patience = 30 * time.Second

// Option adapts the suite to a connector.
type Option func(*suite)

// WithMessage makes the messages that are sent; each i must make another ID. By default they go to
// person-i@example.com and the connector must accept them.
func WithMessage(make func(i int) channel.Message) Option {
	return func(s *suite) { s.message = make }
}

// WithRefusedSettings adds settings that the connector must refuse.
func WithRefusedSettings(settings ...string) Option {
	return func(s *suite) { s.refused = append(s.refused, settings...) }
}

// WithDelivered tells the suite how often a message ID has left. With it, idempotency is checked by what happened and
// not only by what the connector says.
func WithDelivered(count func(t *testing.T, id string) int) Option {
	return func(s *suite) { s.delivered = count }
}

// Self returns the command that runs the test binary with arguments.
func Self(t *testing.T, arguments ...string) []string {
	t.Helper()
	executable, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return append([]string{executable}, arguments...)
}

type suite struct {
	command   []string
	settings  json.RawMessage
	message   func(int) channel.Message
	refused   []string
	delivered func(*testing.T, string) int
	next      int
}

// Run checks a connector. settings must make it work; every message sent with them must be accepted.
func Run(t *testing.T, command []string, settings string, options ...Option) {
	s := &suite{command: command, settings: json.RawMessage(settings), message: message, refused: []string{``, `{`, `[]`, `null`, `"text"`}}
	for _, option := range options {
		option(s)
	}
	t.Run("Describe", s.describe)
	t.Run("Settings", s.badSettings)
	t.Run("Order of calls", s.order)
	t.Run("Receipts in order", s.receipts)
	t.Run("Concurrent batches", s.concurrent)
	t.Run("Idempotency", s.idempotency)
	t.Run("Odd messages", s.odd)
	t.Run("Oversize batch", s.oversize)
	t.Run("Oversize message", s.large)
	t.Run("Callbacks", s.callbacks)
	t.Run("Withdrawals", s.withdrawals)
	t.Run("Deadlines", s.deadlines)
	t.Run("Later receipts", s.later)
	t.Run("Host gone", s.hostGone)
	t.Run("Stopped for a while", s.stopped)
	t.Run("Shutdown", s.shutdown)
}

func message(i int) channel.Message {
	return channel.Message{
		ID: fmt.Sprintf("%032x", i+1), To: fmt.Sprintf("person-%d@example.com", i), Subject: "Hello", Text: "Hello there.",
		HTML: "<p>Hello there.</p>", Headers: map[string]string{"List-Unsubscribe": "<https://example.com/u>"},
		Date: time.UnixMilli(1700000000000).UTC(), Attempt: 1, Kind: "marketing",
	}
}

// messages returns n messages that were never sent before.
func (s *suite) messages(n int) []channel.Message {
	out := make([]channel.Message, n)
	for i := range out {
		out[i] = s.message(s.next)
		s.next++
	}
	return out
}

// start starts the connector without settings; it must be gone at the end of the test.
func (s *suite) start(t *testing.T) *channel.Process {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	dir, err := os.MkdirTemp("", "connector-")
	if err != nil {
		t.Fatal(err)
	}
	errs := &tail{}
	process, err := channel.Start(ctx, channel.Launch{Command: s.command, SocketDir: dir, Stderr: errs, Grace: patience})
	if err != nil {
		_ = os.RemoveAll(dir)
		t.Fatalf("%v; standard error: %s", err, errs)
	}
	t.Cleanup(func() {
		process.Kill()
		_ = os.RemoveAll(dir)
		if t.Failed() {
			t.Logf("standard error of the connector: %s", errs)
		}
	})
	return process
}

// configured starts the connector with the settings of the suite.
func (s *suite) configured(t *testing.T) (*channel.Process, channel.Description) {
	t.Helper()
	process := s.start(t)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	description, err := process.Describe(ctx)
	if err != nil {
		t.Fatalf("Describe: %v", err)
	}
	if err := process.Configure(ctx, s.settings); err != nil {
		t.Fatalf("Configure refused the settings of the suite: %v", err)
	}
	return process, description
}

// send sends and holds the connector to one receipt for each message, in order.
func (s *suite) send(t *testing.T, process *channel.Process, messages []channel.Message) []channel.Receipt {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	receipts, err := handOver(ctx, process, messages)
	if err != nil {
		t.Fatalf("Send: %v", err)
	}
	check(t, messages, receipts)
	return receipts
}

// handOver sends, and does so again with what could not be begun in time, as the host does.
func handOver(ctx context.Context, process *channel.Process, messages []channel.Message) ([]channel.Receipt, error) {
	receipts, err := process.Send(ctx, messages)
	for i := range min(len(receipts), len(messages)) {
		for err == nil && receipts[i].Data[channel.FactUntried] != "" && receipts[i].RetryAfter == 0 {
			var again []channel.Receipt
			if again, err = process.Send(ctx, messages[i:i+1]); len(again) == 1 {
				receipts[i] = again[0]
			}
		}
	}
	return receipts, err
}

func check(t *testing.T, messages []channel.Message, receipts []channel.Receipt) {
	t.Helper()
	if len(receipts) != len(messages) {
		t.Fatalf("%d receipts for %d messages", len(receipts), len(messages))
	}
	for i, r := range receipts {
		if r.ID != messages[i].ID {
			t.Fatalf("receipt %d is for %q, not for %q", i, r.ID, messages[i].ID)
		}
		if r.Outcome < channel.Accepted || r.Outcome > channel.InDoubt {
			t.Errorf("receipt %d has outcome %d", i, r.Outcome)
		}
		if r.Outcome != channel.Accepted && r.Reason == "" {
			t.Errorf("receipt %d is %s and does not say why", i, r.Outcome)
		}
		if r.RetryAfter != 0 && r.Outcome != channel.Temporary {
			t.Errorf("receipt %d is %s and asks to be tried again", i, r.Outcome)
		}
		if len(r.References) > 0 && r.Outcome != channel.Accepted || len(r.References) > channel.MaxReferences {
			t.Errorf("receipt %d is %s and has the references %q", i, r.Outcome, r.References)
		}
		for _, reference := range r.References {
			if reference == "" || len(reference) > channel.MaxReferenceBytes {
				t.Errorf("receipt %d has the reference %.80q of %d bytes", i, reference, len(reference))
			}
		}
	}
}

func accepted(t *testing.T, receipts []channel.Receipt) {
	t.Helper()
	for i, r := range receipts {
		if r.Outcome != channel.Accepted {
			t.Fatalf("message %d is not accepted but %s: %s", i, r.Outcome, r.Reason)
		}
	}
}

func (s *suite) describe(t *testing.T) {
	process := s.start(t)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	d, err := process.Describe(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if d.Name == "" || strings.Trim(d.Name, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" {
		t.Errorf("name %q: lower case letters, digits and dashes", d.Name)
	}
	if d.Version == "" {
		t.Error("no version")
	}
	if len(d.Channels) == 0 {
		t.Error("no channels")
	}
	if !slices.Contains(d.Protocols, channel.ProtocolVersion) {
		t.Errorf("protocol versions %v, without %d", d.Protocols, channel.ProtocolVersion)
	}
	if d.MaxBatch < 1 || d.MaxBatch > 10000 {
		t.Errorf("max batch %d", d.MaxBatch)
	}
	var schema struct {
		Type       string
		Properties map[string]json.RawMessage
	}
	if err := json.Unmarshal(d.Schema, &schema); err != nil || schema.Type != "object" {
		t.Errorf("the settings' JSON Schema must be of type object (%v): %s", err, d.Schema)
	}
	var settings map[string]json.RawMessage
	if err := json.Unmarshal(s.settings, &settings); err != nil {
		t.Fatalf("the suite's settings are not an object: %v", err)
	}
	for name := range settings {
		if _, ok := schema.Properties[name]; !ok {
			t.Errorf("the schema does not know the setting %q", name)
		}
	}
	again, err := process.Describe(ctx)
	if err != nil || again.Name != d.Name || again.Idempotent != d.Idempotent || string(again.Schema) != string(d.Schema) {
		t.Errorf("described differently the second time: %v", err)
	}
}

func (s *suite) badSettings(t *testing.T) {
	process := s.start(t)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for _, settings := range s.refused {
		err := process.Configure(ctx, json.RawMessage(settings))
		if !errors.Is(err, channel.ErrRefused) {
			t.Errorf("settings %q: %v, expected to be refused", settings, err)
			continue
		}
		if text := err.Error(); len(text) < 10 || strings.Contains(text, "\n") {
			t.Errorf("settings %q are refused with %q, expected a sentence", settings, text)
		}
	}
	// A connector that refused settings takes good ones.
	if err := process.Configure(ctx, s.settings); err != nil {
		t.Errorf("good settings after bad ones: %v", err)
	}
}

func (s *suite) order(t *testing.T) {
	process := s.start(t)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if _, err := process.Send(ctx, s.messages(1)); !errors.Is(err, channel.ErrNotSent) {
		t.Errorf("Send before Configure: %v, expected FAILED_PRECONDITION", err)
	}
	if _, err := process.Health(ctx); err != nil {
		t.Errorf("Health before Configure: %v", err)
	}
	if err := process.Configure(ctx, s.settings); err != nil {
		t.Fatal(err)
	}
	if health, err := process.Health(ctx); err != nil || !health.OK && health.Detail == "" {
		t.Errorf("Health: %+v %v", health, err)
	}
	if receipts, err := process.Send(ctx, nil); err != nil || len(receipts) != 0 {
		t.Errorf("an empty batch: %v %v", receipts, err)
	}
}

func (s *suite) receipts(t *testing.T) {
	process, description := s.configured(t)
	for _, n := range []int{1, 2, description.MaxBatch} {
		accepted(t, s.send(t, process, s.messages(n)))
	}
}

func (s *suite) concurrent(t *testing.T) {
	process, _ := s.configured(t)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	type answer struct {
		messages []channel.Message
		receipts []channel.Receipt
		err      error
	}
	answers := make(chan answer)
	const batches = 8
	for range batches {
		messages := s.messages(10)
		go func() {
			receipts, err := handOver(ctx, process, messages)
			answers <- answer{messages, receipts, err}
		}()
	}
	for range batches {
		a := <-answers
		if a.err != nil {
			t.Error(a.err)
			continue
		}
		check(t, a.messages, a.receipts)
		accepted(t, a.receipts)
	}
}

func (s *suite) idempotency(t *testing.T) {
	process, description := s.configured(t)
	if !description.Idempotent {
		t.Skip("not declared")
	}
	messages := s.messages(5)
	again := func(process *channel.Process) {
		for attempt := 1; attempt <= 2; attempt++ {
			for i := range messages {
				messages[i].Attempt = attempt
			}
			accepted(t, s.send(t, process, messages))
		}
	}
	again(process)
	process.Kill()
	// It holds across a restart too, also after a kill.
	restarted, _ := s.configured(t)
	again(restarted)
	if s.delivered == nil {
		return
	}
	for _, m := range messages {
		if n := s.delivered(t, m.ID); n != 1 {
			t.Errorf("message %s left %d times", m.ID, n)
		}
	}
}

func (s *suite) odd(t *testing.T) {
	process, _ := s.configured(t)
	messages := s.messages(7)
	messages[1].To = ""
	messages[2].To = "not an address\r\nBcc: all@example.com"
	messages[3].Subject = "Größe 😀\r\nBcc: all@example.com\x00"
	messages[4].Text, messages[4].HTML, messages[4].Subject, messages[4].Headers = "", "", "", nil
	messages[5].Headers = map[string]string{"Bad Name\r\n": "x", "": "y"}
	messages[6].Text = strings.Repeat("a long line without an end ", 10000) + "\r\n.\r\nQUIT\r\n"
	receipts := s.send(t, process, messages)
	if receipts[0].Outcome != channel.Accepted {
		t.Errorf("a good message among odd ones is %s: %s", receipts[0].Outcome, receipts[0].Reason)
	}
	accepted(t, s.send(t, process, s.messages(1)))
}

func (s *suite) oversize(t *testing.T) {
	process, description := s.configured(t)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if _, err := process.Send(ctx, s.messages(description.MaxBatch+1)); !errors.Is(err, channel.ErrNotSent) {
		t.Errorf("a batch of more than max_batch: %v, expected INVALID_ARGUMENT", err)
	}
	accepted(t, s.send(t, process, s.messages(1)))
}

func (s *suite) deadlines(t *testing.T) {
	process, description := s.configured(t)
	for _, limit := range []time.Duration{time.Nanosecond, time.Millisecond, 20 * time.Millisecond} {
		ctx, cancel := context.WithTimeout(t.Context(), limit)
		began := time.Now()
		messages := s.messages(min(description.MaxBatch, 20))
		if receipts, err := process.Send(ctx, messages); err == nil {
			check(t, messages, receipts)
		}
		cancel()
		if took := time.Since(began); took > limit+patience/2 {
			t.Errorf("a call with a deadline of %s took %s", limit, took)
		}
	}
	// It is still there and works.
	accepted(t, s.send(t, process, s.messages(3)))
}

func (s *suite) later(t *testing.T) {
	process, description := s.configured(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	ended := make(chan error, 1)
	go func() {
		ended <- process.Receipts(ctx, func(r channel.Report) {
			if r.ID == "" && r.From == "" || r.Event == "" {
				t.Errorf("an empty report: %+v", r)
			}
		})
	}()
	if description.Receipts {
		// It may have nothing to say for as long as the host listens, but must end with it.
		select {
		case err := <-ended:
			if err != nil {
				t.Errorf("the stream broke: %v", err)
			}
			return
		case <-time.After(100 * time.Millisecond):
			cancel()
		}
	}
	select {
	case err := <-ended:
		if err != nil && !description.Receipts {
			t.Errorf("the stream of a connector without later receipts must end without an error: %v", err)
		}
	case <-time.After(patience):
		t.Error("the stream of later receipts does not end")
	}
}

func (s *suite) shutdown(t *testing.T) {
	process, _ := s.configured(t)
	accepted(t, s.send(t, process, s.messages(3)))
	began := time.Now()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	process.Close(ctx)
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("asked to end, it took %s", took)
	}
	if how := process.Ended(); how != "it ended by itself" {
		t.Errorf("asked to end: %s", how)
	}
	if exists(process.PID()) {
		t.Errorf("process %d or one of its group is left", process.PID())
	}
	killed, _ := s.configured(t)
	killed.Kill()
	if exists(killed.PID()) {
		t.Errorf("process %d or one of its group is left after a kill", killed.PID())
	}
}
