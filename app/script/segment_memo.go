package script

import "math"

// Bounds of what is remembered. What has no room is asked of the script each time.
const (
	maxSaid    = 4096 // nodes of one segment
	maxAnswers = 256  // of one question
)

// said is one place in the tree: the question that the script asks next, or its end.
type said struct {
	read   Question
	next   map[any]*said // by answer
	end    bool
	member bool
}

// recall follows the answers as far as they are known, and reports whether they led to an end.
func (m *memo) recall(q *questions) (member, known bool) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	at := m.root
	for at != nil && !at.end {
		answer, err := q.ask(at.read)
		if err != nil || !plainAnswer(answer) {
			return false, false
		}
		at = at.next[answer]
	}
	if at == nil {
		return false, false
	}
	return at.member, true
}

// remember keeps where the answers have led.
func (m *memo) remember(q *questions, member bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	place := &m.root
	for i := range q.asked {
		one := &q.asked[i]
		if !plainAnswer(one.answer) {
			return
		}
		if *place == nil {
			if m.nodes >= maxSaid {
				return
			}
			m.nodes++
			*place = &said{read: one.read, next: map[any]*said{}}
		}
		at := *place
		if at.end || at.read != one.read {
			return // it was asked before the script was; the order is the script's
		}
		next, ok := at.next[one.answer]
		if !ok {
			if len(at.next) >= maxAnswers || m.nodes >= maxSaid {
				return
			}
			if i == len(q.asked)-1 {
				m.nodes++
				at.next[one.answer] = &said{end: true, member: member}
				return
			}
			m.nodes++
			next = &said{read: q.asked[i+1].read, next: map[any]*said{}}
			at.next[one.answer] = next
		}
		place = &next
	}
	if *place == nil {
		m.nodes++
		*place = &said{end: true, member: member}
	}
}

// plainAnswer reports whether an answer can be compared. Lists and tables are not, and NaN equals nothing.
func plainAnswer(answer any) bool {
	switch v := answer.(type) {
	case nil, bool, string:
		return true
	case float64:
		return !math.IsNaN(v)
	}
	return false
}
