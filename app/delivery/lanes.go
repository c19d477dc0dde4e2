package delivery

import "stagecraft/app/lifecycle"

// A channel has a lane for each priority. Each lane has senders and a place in the outbox of its own, so that what is in
// one, however much, is not waited for in another.
const (
	owedLane      = "/0" // what customers are owed
	marketingLane = "/1" // marketing
	directLane    = "/2" // what another program asks for now
)

// lanesOf names the lanes of a channel.
func lanesOf(channel string) []string {
	return []string{channel + directLane, channel + owedLane, channel + marketingLane}
}

// laneOf names the lane of a message.
func laneOf(m *lifecycle.Message) string {
	switch {
	case m.Direct:
		return m.Channel + directLane
	case m.Kind == lifecycle.Transactional:
		return m.Channel + owedLane
	}
	return m.Channel + marketingLane
}
