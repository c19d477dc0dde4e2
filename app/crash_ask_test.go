package app_test

import (
	"fmt"
	"testing"

	"stagecraft/app/delivery"
	"stagecraft/app/lifecycle"
)

// mortalWrite is an input that writes a key, as a damaged disk would.
type mortalWrite struct{ key, value []byte }

// askStory is how a customer is sent a message while it is still being asked whether anything speaks against writing to their
// address. It returns what happens, in the order of its batches.
type askStory func(m *mortal, n int64) [][]lifecycle.Event

// elsewhere returns a user whose mail address belongs to another partition than they do, or to theirs.
func elsewhere(name string, n int64, is bool) (user string) {
	for i := 0; ; i++ {
		user = fmt.Sprint(name, n, "-", i)
		mail := lifecycle.Identity{Kind: lifecycle.EmailIdentity, Value: user + "@shop.example"}
		if (mail.Hash().Partition() != mortalID(user).Partition()) == is {
			return user
		}
	}
}

func mortalID(user string) lifecycle.ID {
	return lifecycle.Identity{Kind: lifecycle.UserID, Value: user}.Hash()
}

func askPing(user, mail string, n int64) lifecycle.Event {
	ping := mortalPing(user, fmt.Sprint(n))
	ping.Traits = []byte(fmt.Sprintf(`{"email":%q}`, mail+"@shop.example"))
	ping.Context = nil
	return ping
}

var askStories = map[string]askStory{
	"a new address": func(_ *mortal, n int64) [][]lifecycle.Event {
		user := elsewhere("ada", n, true)
		return [][]lifecycle.Event{{mortalPing(user, fmt.Sprint(n))}}
	},
	"a merge before the answer": func(_ *mortal, n int64) [][]lifecycle.Event {
		goes, stays := elsewhere("bob", n, true), elsewhere("ada", n, true)
		alias := mortalEvent(lifecycle.Alias, "", stays, fmt.Sprint("alias", n), map[string]any{"previousId": goes})
		return [][]lifecycle.Event{{mortalPing(goes, fmt.Sprint(n)), alias}}
	},
	"a merge at once": func(_ *mortal, n int64) [][]lifecycle.Event {
		goes, stays := elsewhere("bob", n, true), elsewhere("ada", n, true)
		alias := mortalEvent(lifecycle.Alias, "", stays, fmt.Sprint("alias", n), map[string]any{"previousId": goes})
		return [][]lifecycle.Event{{alias, mortalPing(goes, fmt.Sprint(n))}}
	},
	"a refused claim": func(m *mortal, n int64) [][]lifecycle.Event {
		other := elsewhere("zoe", n, false)
		m.send(askPing(other, other, 1000+n))
		m.settle()
		id := mortalID(other)
		unreadable := mortalWrite{append([]byte{'c'}, id[:]...), []byte{0xc1}}
		if _, err := m.store.Do(m.t.Context(), id.Partition(), unreadable); err != nil {
			m.t.Fatal(err)
		}
		return [][]lifecycle.Event{{askPing(elsewhere("ada", n, true), other, n)}}
	},
}

// A message that waits to hear about its address leaves once, and does not wait for ever: before whichever input the program
// dies, whoever its customer becomes meanwhile, and if the claim is refused with which the question went.
func TestNoMailWaitsForAnAnswerForEver(t *testing.T) {
	for name, story := range askStories {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := newMortal(t)
			defer m.close()
			m.publish()
			n := int64(0)
			for died := true; died; n++ {
				batches := story(m, n)
				m.line.set(func(l *mortalLine) { clear(l.times) })
				m.left.Store(n)
				for len(batches) > 0 && m.sendAll(batches[0]) {
					batches = batches[1:]
				}
				if died = len(batches) > 0 || !m.settle(); died {
					m.again()
					for _, batch := range batches {
						m.sendAll(batch)
					}
					m.settle()
				}
				m.left.Store(immortal)
				if got, want := fmt.Sprint(m.line.count()), fmt.Sprintf("map[ping %d:1]", n); got != want {
					t.Errorf("death before input %d: there left %s", n, got)
					page, _ := m.life.Load().delivery.Ledger(t.Context(), delivery.Filter{}, nil, 3)
					for _, one := range page.Messages {
						t.Logf("ledger: %s of %s %s: %s", one.Name, one.User, one.State, one.Reason)
					}
				}
			}
			if n < 4 {
				t.Errorf("it took %d inputs only", n)
			}
		})
	}
}
