package cli

import (
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"
)

// Progress shows on a terminal how far a long job is, how fast it goes and how long it will take. In a pipe or a file
// it shows nothing. Several goroutines may use it.
type Progress struct {
	out      io.Writer
	terminal bool

	mu      sync.Mutex
	bar     *progressbar.ProgressBar
	phase   string
	started time.Time
	drawn   time.Time
}

// NewProgress draws on out, which is usually standard error.
func NewProgress(out io.Writer) *Progress {
	file, ok := out.(*os.File)
	return &Progress{out: out, terminal: ok && term.IsTerminal(int(file.Fd()))}
}

// Rows tells how many bytes of a source were read, of how many (0: unknown), and how many rows they held.
func (p *Progress) Rows(done, total int64, rows int) {
	p.show("import", done, total, func(elapsed time.Duration) string {
		return fmt.Sprintf("%d rows, %.0f/s", rows, float64(rows)/max(elapsed.Seconds(), 0.001))
	})
}

// CatchUp tells how many customers have caught up, of how many (0: unknown).
func (p *Progress) CatchUp(done, total int64) {
	p.show("catch up", done, total, func(elapsed time.Duration) string {
		if total <= 0 {
			return fmt.Sprintf("catching up: %d customers, %.0f/s", done, float64(done)/max(elapsed.Seconds(), 0.001))
		}
		return fmt.Sprintf("catching up: %d of %d customers, %.0f/s", done, total, float64(done)/max(elapsed.Seconds(), 0.001))
	})
}

func (p *Progress) show(phase string, done, total int64, describe func(elapsed time.Duration) string) {
	if p == nil || !p.terminal {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	if phase == p.phase && now.Sub(p.drawn) < 100*time.Millisecond {
		return
	}
	if phase != p.phase {
		p.clear()
		if total <= 0 {
			total = -1
		}
		p.bar = progressbar.NewOptions64(total, progressbar.OptionSetWriter(p.out), progressbar.OptionSetWidth(20),
			progressbar.OptionSetPredictTime(total > 0), progressbar.OptionSetElapsedTime(false),
			progressbar.OptionUseANSICodes(true), progressbar.OptionClearOnFinish())
		p.phase, p.started = phase, now
	}
	p.drawn = now
	p.bar.Describe(describe(now.Sub(p.started)))
	if total > 0 {
		done = min(done, total-1) // the end is Clear's to say
	}
	_ = p.bar.Set64(max(done, 0))
}

// Print writes a line above the bar, or just the line where there is none.
func (p *Progress) Print(format string, args ...any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.bar != nil {
		_ = p.bar.Clear()
	}
	fmt.Fprintf(p.out, format+"\n", args...)
}

// Clear takes the bar away.
func (p *Progress) Clear() {
	if p == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.clear()
}

func (p *Progress) clear() {
	if p.bar != nil {
		_ = p.bar.Clear()
	}
	p.bar, p.phase = nil, ""
}
