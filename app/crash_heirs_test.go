package app_test

import (
	"fmt"
	"testing"
	"time"

	"stagecraft/app/delivery"
	"stagecraft/app/engine"
	"stagecraft/app/lifecycle"
)

// doubtStory is how a message is in doubt when its customer becomes part of another one.
type doubtStory struct {
	near    bool   // both are in one partition
	refuses string // who complained about the address by then: "stays", "goes" or nobody
}

// newest returns the newest message of a user.
func (m *mortal) newest(user string) delivery.Life {
	m.t.Helper()
	page, err := m.life.Load().delivery.Ledger(m.t.Context(), delivery.Filter{}, nil, 20)
	if err != nil {
		m.t.Fatal(err)
	}
	for _, one := range page.Messages {
		if one.User == user {
			life, err := m.life.Load().delivery.LifeOf(m.t.Context(), one.Ref)
			if err != nil {
				m.t.Fatal(err)
			}
			return life
		}
	}
	m.t.Fatalf("nothing was decided for %s", user)
	return delivery.Life{}
}

// leads waits until a user's name leads to another one's customer, who may not have taken over yet what was known of them. It
// reports false if the program dies before.
func (m *mortal) leads(goes, stays string) bool {
	m.t.Helper()
	for began := time.Now(); !m.dead.Load(); time.Sleep(100 * time.Microsecond) {
		one, err := m.life.Load().engine.Customer(m.t.Context(), lifecycle.Identity{Kind: lifecycle.UserID, Value: goes})
		other, failed := m.life.Load().engine.Customer(m.t.Context(), lifecycle.Identity{Kind: lifecycle.UserID, Value: stays})
		if err == nil && failed == nil && one.Customer.ID == other.Customer.ID {
			return true
		}
		if time.Since(began) > 20*time.Second {
			m.t.Fatalf("they do not become one: %v, %v", err, failed)
		}
	}
	return false
}

// tell tells the story, in which the program dies before an input. It reports whether it has come to that.
func (s doubtStory) tell(m *mortal, inputs int64) (died bool) {
	stays, goes := mergeStory{near: s.near}.pair(inputs)
	for _, user := range []string{stays, goes} {
		m.send(mortalPing(user, fmt.Sprint(inputs, "-", user)))
	}
	m.settle()
	before := map[string]delivery.Life{"stays": m.newest(stays), "goes": m.newest(goes)}
	m.line.set(func(l *mortalLine) { // what is handed over is in doubt, and was not taken
		l.dead, l.deaf = true, true
		clear(l.times)
	})
	m.send(mortalPing(goes, fmt.Sprint(inputs, "-doubt")))
	for began := time.Now(); m.newest(goes).InDoubt == 0; time.Sleep(time.Millisecond) {
		if time.Since(began) > 20*time.Second {
			m.t.Fatal("it is not in doubt")
		}
	}
	m.line.set(func(l *mortalLine) { l.ready, l.dead, l.deaf = false, false, false })
	if complained, somebody := before[s.refuses]; somebody {
		m.life.Load().engine.Keep(m.t.Context(), []engine.Report{{Channel: "email", Message: complained.Message.Ref(), Event: string(lifecycle.Complained),
			From: goes + "@shop.example", At: m.clock.Now()}})
	}
	m.clock.Advance(10 * time.Second)
	m.left.Store(inputs)
	ready := func() { m.line.set(func(l *mortalLine) { l.ready = true }) }
	alias := mortalEvent(lifecycle.Alias, "", stays, fmt.Sprint(inputs, "-alias"), map[string]any{"previousId": goes})
	if died = !m.send(alias) || !m.leads(goes, stays); !died {
		ready()
		died = !m.settle()
	}
	if died {
		m.again()
		m.send(alias)
		m.leads(goes, stays)
		ready()
		m.settle()
	}
	m.left.Store(immortal)
	return died
}

// Whoever complained before the merge hears nothing of what is in doubt after it, and what nobody complained about leaves once:
// before whichever input the program dies, in one partition and across two.
func TestWhatIsInDoubtIsAskedOfTheHeir(t *testing.T) {
	for _, s := range []doubtStory{{}, {refuses: "stays"}, {refuses: "goes"}, {near: true, refuses: "stays"}, {near: true, refuses: "goes"}} {
		t.Run(fmt.Sprintf("%+v", s), func(t *testing.T) {
			t.Parallel()
			m := newMortal(t)
			defer m.close()
			m.publish()
			n := int64(0)
			for died := true; died; n++ {
				died = s.tell(m, n)
				want := fmt.Sprintf("map[ping %d-doubt:1]", n)
				if s.refuses != "" {
					want = "map[]"
				}
				if got := fmt.Sprint(m.line.count()); got != want {
					t.Errorf("death before input %d: there left %s, want %s", n, got, want)
				}
			}
			if n < 4 {
				t.Errorf("it took %d inputs only", n)
			}
		})
	}
}
