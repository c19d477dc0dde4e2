//go:build unix

package channels_test

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"stagecraft/app/channels"
	"stagecraft/app/lifecycle"
)

// BenchmarkLogConnector sends batches of 100 messages of 600 bytes through a connector process to a file.
func BenchmarkLogConnector(b *testing.B) {
	for _, senders := range []int{1, 4} {
		b.Run(fmt.Sprintf("senders=%d", senders), func(b *testing.B) {
			c := start(b, options(b), "log", fmt.Sprintf(`{"folder":%q}`, b.TempDir()))
			ready(b, c)
			text := strings.Repeat("Hello there. ", 30)
			work := make(chan int)
			done := make(chan error)
			for range senders {
				go func() {
					var failed error
					for n := range work {
						batch := make([]channels.Outgoing, 100)
						for i := range batch {
							batch[i] = channels.Outgoing{
								ID: lifecycle.HashID("bench", fmt.Sprint(n, i)), Attempt: 1, Kind: lifecycle.Marketing,
								Rendered: lifecycle.Rendered{
									To: "ada@example.com", Subject: "A thank-you", Text: text, Date: time.UnixMilli(1),
									Headers: map[string]string{"List-Unsubscribe": "<https://example.com/u/0123456789>"},
								},
							}
						}
						for _, r := range c.Send(context.Background(), batch) {
							if r.Outcome != lifecycle.OutcomeAccepted {
								failed = fmt.Errorf("%+v", r)
							}
						}
					}
					done <- failed
				}()
			}
			b.ResetTimer()
			for n := 0; b.Loop(); n++ {
				work <- n
			}
			close(work)
			for range senders {
				if err := <-done; err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.N)*100/b.Elapsed().Seconds(), "messages/s")
		})
	}
}

// BenchmarkStart measures from Start to the first receipt, and reports the memory of an idle connector.
func BenchmarkStart(b *testing.B) {
	executable, err := os.Executable()
	if err != nil {
		b.Fatal(err)
	}
	var memory float64
	for b.Loop() {
		h := channels.New(options(b))
		c, err := h.Start(b.Context(), channels.Spec{Channel: "email", Name: "puppet", Command: []string{executable, "plugin", "puppet"}})
		if err != nil {
			b.Fatal(err)
		}
		ready(b, c)
		if got := c.Send(b.Context(), outgoing("ok")); got[0].Outcome != accepted {
			b.Fatalf("%+v", got)
		}
		b.StopTimer()
		memory = max(memory, resident(c.Status().PID))
		if err := h.Close(context.Background()); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
	}
	b.ReportMetric(memory, "MB-resident")
}

func resident(pid int) float64 {
	data, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	for line := range strings.Lines(string(data)) {
		var kb float64
		if n, _ := fmt.Sscanf(line, "VmRSS: %f kB", &kb); n == 1 {
			return kb / 1024
		}
	}
	return 0
}
