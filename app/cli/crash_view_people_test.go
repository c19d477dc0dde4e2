//go:build linux

package cli_test

import (
	"fmt"
	"math/rand/v2"
	"time"
)

// crashTalk is what one chore sends about its people: a name for each event, and words.
type crashTalk struct {
	*crashView
	chore int
	next  int
	*rand.Rand
}

func (k *crashTalk) id() string {
	k.next++
	return fmt.Sprintf("e%d-%d", k.chore, k.next)
}

// track sends an event of a person by one of their names, "userId" or "anonymousId".
func (k *crashTalk) track(p *crashPerson, kind, name, event string, properties, traits map[string]any) error {
	id := k.id()
	body := map[string]any{"type": "track", "event": event, "messageId": id, kind: name}
	if properties == nil {
		properties = map[string]any{}
	}
	properties["n"] = id
	body["properties"] = properties
	if traits != nil {
		body["context"] = map[string]any{"traits": traits}
	}
	if err := k.line.post("/v1/track", body); err != nil {
		return err
	}
	p.events = append(p.events, id)
	switch event {
	case "Go":
		p.goes++
	case "Tag":
		p.tags = append(p.tags, properties["tag"].(string))
	case "Ping":
		k.mu.Lock()
		k.pings = append(k.pings, id)
		k.mu.Unlock()
	}
	return nil
}

// say sends a call of another type.
func (k *crashTalk) say(p *crashPerson, kind string, body map[string]any) error {
	id := k.id()
	body["type"], body["messageId"] = kind, id
	if err := k.line.post("/v1/"+kind, body); err != nil {
		return err
	}
	p.events = append(p.events, id)
	return nil
}

// consent sends a word about being written to.
func (k *crashTalk) consent(p *crashPerson, user string, granted bool) error {
	id := k.id()
	if err := k.line.post("/v1/consent", map[string]any{"userId": user, "channel": "email", "granted": granted, "messageId": id}); err != nil {
		return err
	}
	p.events = append(p.events, id)
	p.yes, p.no = p.yes || granted, p.no || !granted
	return nil
}

// live sends a few events of a person by one of their names. Users have a mail address of their own.
func (k *crashTalk) live(p *crashPerson, kind, name, address string) error {
	var traits map[string]any
	if address != "" {
		traits = map[string]any{"email": address, "name": name}
	}
	for range 1 + k.IntN(3) {
		event, properties := []string{"Go", "Tag", "Look", "Ping"}[k.IntN(4)], map[string]any{}
		if event == "Tag" {
			properties["tag"] = fmt.Sprintf("t%d", k.IntN(50))
		}
		if event == "Ping" && address == "" {
			event = "Look"
		}
		if err := k.track(p, kind, name, event, properties, traits); err != nil {
			return err
		}
	}
	return nil
}

// meet makes people of several names and lets them become one, in all ways there are.
func (v *crashView) meet(chore int, random *rand.Rand) error {
	k := &crashTalk{crashView: v, chore: chore, Rand: random}
	shapes := []func(string) ([]*crashPerson, error){k.visitor, k.aliased, k.threeUsers, k.byAddress, k.apart}
	for n := 0; !v.stop.Load(); n++ {
		people, err := shapes[random.IntN(len(shapes))](fmt.Sprintf("k%d-%d", chore, n))
		if err != nil {
			return err
		}
		v.add("families", people...)
		time.Sleep(time.Duration(random.IntN(10)) * time.Millisecond)
	}
	return nil
}

// crashDo does one thing after the other, until one fails.
func crashDo(steps ...func() error) error {
	for _, step := range steps {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// visitor is somebody who browses, and then says who they are.
func (k *crashTalk) visitor(f string) ([]*crashPerson, error) {
	a, u := f+"-a", f+"-u"
	p := &crashPerson{names: []string{"anonymous:" + a, "user:" + u}}
	return []*crashPerson{p}, crashDo(
		func() error { return k.live(p, "anonymousId", a, "") },
		func() error {
			if k.IntN(2) == 0 {
				return nil
			}
			return k.live(p, "userId", u, "") // who is known already, from another device
		},
		func() error { return k.say(p, "identify", map[string]any{"userId": u, "anonymousId": a}) },
		func() error { return k.live(p, "anonymousId", a, "") },
		func() error { return k.live(p, "userId", u, "") },
	)
}

// user is a user with a mail address, who says yes or no.
func (k *crashTalk) user(p *crashPerson, name string) error {
	p.names = append(p.names, "user:"+name, "email:"+name+"@kin.example")
	if err := k.live(p, "userId", name, name+"@kin.example"); err != nil || k.IntN(3) == 0 {
		return err
	}
	return k.consent(p, name, k.IntN(2) == 0)
}

func (k *crashTalk) alias(p *crashPerson, user, previous string) error {
	p.names = append(p.names, "anonymous:"+previous)
	return k.say(p, "alias", map[string]any{"userId": user, "previousId": previous})
}

// aliased are two users who turn out to be one.
func (k *crashTalk) aliased(f string) ([]*crashPerson, error) {
	one, two := f+"-1", f+"-2"
	p := &crashPerson{}
	return []*crashPerson{p}, crashDo(
		func() error { return k.user(p, one) },
		func() error { return k.user(p, two) },
		func() error { return k.alias(p, one, two) },
		func() error { return k.live(p, "userId", two, two+"@kin.example") },
		func() error { return k.live(p, "userId", one, one+"@kin.example") },
	)
}

// threeUsers are three users who turn out to be one, from either end.
func (k *crashTalk) threeUsers(f string) ([]*crashPerson, error) {
	one, two, three := f+"-1", f+"-2", f+"-3"
	p := &crashPerson{}
	joins := []func() error{
		func() error { return k.alias(p, one, two) },
		func() error { return k.alias(p, two, three) },
	}
	first := k.IntN(2)
	return []*crashPerson{p}, crashDo(
		func() error { return k.user(p, one) },
		func() error { return k.user(p, two) },
		func() error { return k.user(p, three) },
		joins[first], joins[1-first],
		func() error { return k.live(p, "userId", three, three+"@kin.example") },
		func() error { return k.live(p, "userId", two, two+"@kin.example") },
		func() error { return k.live(p, "userId", one, one+"@kin.example") },
	)
}

// byAddress are two visitors and a user with one mail address or one telephone number.
func (k *crashTalk) byAddress(f string) ([]*crashPerson, error) {
	a, b, u := f+"-a", f+"-b", f+"-u"
	trait, value, kind := "email", f+"@one.example", "email:"
	if k.IntN(2) == 0 {
		trait, value, kind = "phone", fmt.Sprintf("+849%d5%06d", k.chore%10, k.next%1000000), "phone:" // never zeros alone, which is nobody
	}
	p := &crashPerson{names: []string{"anonymous:" + a, "anonymous:" + b, "user:" + u, kind + value}}
	steps := []func() error{
		func() error {
			return k.say(p, "identify", map[string]any{"anonymousId": a, "traits": map[string]any{trait: value}})
		},
		func() error {
			return k.say(p, "identify", map[string]any{"anonymousId": b, "traits": map[string]any{trait: value}})
		},
		func() error {
			return k.say(p, "identify", map[string]any{"userId": u, "traits": map[string]any{trait: value}})
		},
	}
	k.Shuffle(len(steps), func(i, j int) { steps[i], steps[j] = steps[j], steps[i] })
	return []*crashPerson{p}, crashDo(
		func() error { return k.live(p, "anonymousId", a, "") },
		func() error { return k.live(p, "anonymousId", b, "") },
		func() error { return crashDo(steps...) },
		func() error { return k.live(p, "anonymousId", b, "") },
		func() error { return k.live(p, "userId", u, "") },
		func() error { return k.live(p, "anonymousId", a, "") },
	)
}

// apart are two users who share a mail address and a browser's page, and nobody said that they are one.
func (k *crashTalk) apart(f string) ([]*crashPerson, error) {
	one, two, address := f+"-1", f+"-2", f+"@both.example"
	p, q := &crashPerson{names: []string{"user:" + one, "email:" + address}}, &crashPerson{names: []string{"user:" + two, "email:" + address}}
	return []*crashPerson{p, q}, crashDo(
		func() error { return k.live(p, "userId", one, address) },
		func() error { return k.live(q, "userId", two, address) },
		func() error { return k.consent(q, two, true) },
		func() error { return k.live(p, "userId", one, address) },
	)
}

// buy lets customers order at random moments, so that segments and scores change by what they do and by what they do not.
func (v *crashView) buy(chore int, random *rand.Rand) error {
	k := &crashTalk{crashView: v, chore: chore, Rand: random}
	buyers := make([]*crashPerson, 12)
	for i := range buyers {
		buyers[i] = &crashPerson{names: []string{fmt.Sprintf("user:buyer%d-%d", chore, i)}}
	}
	known := map[int]bool{}
	for !v.stop.Load() {
		// Some are asked often, some seldom.
		i := min(random.IntN(len(buyers)), random.IntN(len(buyers)))
		if err := k.track(buyers[i], "userId", fmt.Sprintf("buyer%d-%d", chore, i), "Order", nil, nil); err != nil {
			return err
		}
		buyers[i].orders++
		known[i] = true
		v.count("orders")
		time.Sleep(time.Duration(random.IntN(120)) * time.Millisecond)
	}
	for i := range known {
		v.add("buyers", buyers[i])
	}
	return nil
}
