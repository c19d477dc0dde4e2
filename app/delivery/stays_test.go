package delivery_test

import (
	"bytes"
	"context"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"stagecraft/app/channels"
	"stagecraft/app/delivery"
	"stagecraft/app/lifecycle"
	"stagecraft/app/store"
)

// heard keeps what the program logs.
type heard struct {
	testing.TB
	mu  sync.Mutex
	log bytes.Buffer
}

func (h *heard) Output() io.Writer { return h }

func (h *heard) Write(text []byte) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.log.Write(text)
}

// lines returns how many lines of the log have all of the words.
func (h *heard) lines(words ...string) (n int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for line := range strings.Lines(h.log.String()) {
		has := true
		for _, word := range words {
			has = has && strings.Contains(line, word)
		}
		if has {
			n++
		}
	}
	return n
}

// turning names what is on the shelf in turn, as much as one answer holds.
type turning struct {
	*shelf
	next int
}

func (s *turning) Waiting(ctx context.Context) ([]lifecycle.Ref, error) {
	all, err := s.shelf.Waiting(ctx)
	if s.next >= len(all) {
		s.next = 0
	}
	page := all[s.next:min(len(all), s.next+channels.MaxNamed)]
	if s.next += len(page); len(page) < channels.MaxNamed {
		s.next = 0
	}
	return page, err
}

func turned(t *testing.T) (*post, *turning, *heard) {
	s, h := &turning{shelf: newShelf()}, &heard{TB: t}
	p := newPost(h, s.connector, func(p *post) {
		p.connect = func(d *delivery.Delivery) { d.Connect("letter", s) }
	})
	p.run()
	return p, s, h
}

// What cannot leave is not in the way of what can, however much it is, and is said in the log: at once if it cannot be read,
// after a day if the host does not know that it was accepted.
func TestStaysAreNotInTheWay(t *testing.T) {
	p, s, h := turned(t)
	ada, bob := p.customer("name", "Ada", "address", home), p.customer("name", "Bob", "address", home)
	var lost []*lifecycle.Message
	for range channels.MaxNamed + 1 {
		m := p.message(ada, owed, "hello")
		m.Channel, m.Due = "letter", p.clock.Now().Add(1000*time.Hour)
		lost = append(lost, m)
	}
	p.put(lost...)
	s.set(func() {
		for _, m := range lost {
			s.there = append(s.there, m.Ref())
		}
	})
	damaged, fine := p.letterTo(bob, owed), p.letterTo(ada, owed)
	p.do(bob.Partition(), func(tx store.Tx) { tx.Set(append([]byte{'c'}, bob[:]...), []byte("damaged")) })
	refOf := func(m *lifecycle.Message) string { return delivery.RefOf(m.Ref()) }
	s.set(func() { s.closing = true })
	p.eventually(func() bool { p.clock.Advance(time.Second); _, gone := s.has(fine); return gone }, func() string { return "what may leave does not" })
	p.eventually(func() bool { p.clock.Advance(time.Second); return h.lines("cannot be found out", refOf(damaged)) == 1 }, func() string { return "the damaged one is not said" })
	if n := h.lines("more than a day"); n > 0 {
		t.Errorf("%d lines before a day is over", n)
	}
	p.clock.Advance(25 * time.Hour)
	last := lost[len(lost)-1]
	p.eventually(func() bool {
		p.clock.Advance(time.Second)
		return h.lines("more than a day", refOf(last), "queued") == 1
	}, func() string { return "the last one is not said" })
	for range 10 {
		p.clock.Advance(2 * time.Second)
	}
	if n := h.lines("more than a day", refOf(lost[0])); n != 1 {
		t.Errorf("it is said %d times", n)
	}
	if there, gone := s.has(damaged); !there || gone {
		t.Error("what cannot be read has left")
	}
}

// An order that cannot be read is not in the way of others; its message does not leave.
func TestADamagedOrder(t *testing.T) {
	p, s, h := turned(t)
	ada := p.customer("name", "Ada", "address", home)
	first, second := p.letterTo(ada, wanted), p.letterTo(ada, wanted)
	p.do(ada.Partition(), func(tx store.Tx) {
		ref := first.Ref()
		tx.Set(append(store.AppendTime([]byte("uoletter\x00"), ref.Decided), ref.ID[:]...), []byte("damaged"))
	})
	p.refuses(ada, true)
	p.eventually(func() bool { p.clock.Advance(time.Second); return p.look(second).State == lifecycle.Suppressed },
		func() string { return "the other one is " + string(p.look(second).State) })
	if h.lines("order", "cannot be read", delivery.RefOf(first.Ref())) == 0 {
		t.Error("it is not said")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	if p.delivery.AwaitForgotten(ctx); ctx.Err() != nil {
		t.Error("it is waited for")
	}
	s.set(func() { s.closing = true })
	p.clock.Advance(time.Minute)
	third := p.letterTo(ada, owed)
	p.eventually(func() bool { p.clock.Advance(time.Second); _, gone := s.has(third); return gone }, func() string { return "another letter does not leave" })
	if there, gone := s.has(first); !there || gone {
		t.Error("it has left")
	}
}
