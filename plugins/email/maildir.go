package email

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"stagecraft/plugins/channel"
)

// Report reads the bounce folder every settings.BouncePoll seconds until ctx ends; without such a folder it has nothing
// to say. A mail that was read moves from new to cur, marked as seen. One whose report may not have reached the host is
// read again: a report may come twice.
func (c *Connector) Report(ctx context.Context, emit func(channel.Report) error) error {
	c.mu.Lock()
	s, rep := c.settings, c.standing
	c.mu.Unlock()
	if s == nil || s.BounceFolder == "" {
		return nil
	}
	ticker := time.NewTicker(time.Duration(s.BouncePoll) * time.Second)
	defer ticker.Stop()
	for {
		gone, err := readFolder(ctx, s, rep, emit)
		if gone {
			return err
		}
		c.mu.Lock()
		c.folderError = err
		c.mu.Unlock()
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
	}
}

// readFolder reads what is new in the folder. gone says that the host does not listen any more.
func readFolder(ctx context.Context, s *settings, rep *standing, emit func(channel.Report) error) (gone bool, err error) {
	folder := s.BounceFolder
	entries, err := os.ReadDir(filepath.Join(folder, "new"))
	if err != nil {
		return false, fmt.Errorf("the bounce folder cannot be read: %w", err)
	}
	for _, entry := range entries {
		if ctx.Err() != nil {
			return false, nil
		}
		if !entry.Type().IsRegular() {
			continue
		}
		path := filepath.Join(folder, "new", entry.Name())
		mail, err := readStart(path)
		if err != nil {
			return false, fmt.Errorf("the bounce folder cannot be read: %w", err)
		}
		if report, ok := s.returns.read(mail, time.Now()); ok {
			if err := emit(report); err != nil {
				return true, err
			}
			rep.report(report, time.Now())
		}
		if err := os.Rename(path, filepath.Join(folder, "cur", entry.Name()+":2,S")); err != nil {
			return false, fmt.Errorf("a mail in the bounce folder cannot be moved to cur: %w", err)
		}
	}
	return false, nil
}

// readStart reads a file up to what is looked at.
func readStart(path string) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return io.ReadAll(io.LimitReader(file, maxReturnBytes))
}
