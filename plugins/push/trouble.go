package push

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"sync"
)

// maxTroubles is of how many services trouble is remembered: anybody can name new ones.
const maxTroubles = 8

// trouble is what services refuse for a reason that lies in the settings, until they accept something again.
type trouble struct {
	mu    sync.Mutex
	known map[string]string // by service
}

func (t *trouble) tell(service, reason string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.known == nil {
		t.known = map[string]string{}
	}
	if _, ok := t.known[service]; ok || len(t.known) < maxTroubles {
		t.known[service] = reason
	}
}

func (t *trouble) over(service string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.known, service)
}

// err returns all of it in one line, or nil.
func (t *trouble) err() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.known) == 0 {
		return nil
	}
	var reasons []string
	for _, service := range slices.Sorted(maps.Keys(t.known)) {
		reasons = append(reasons, t.known[service])
	}
	return errors.New(strings.Join(reasons, "; "))
}
