package web

import (
	"bytes"
	"cmp"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gofiber/fiber/v2"

	"stagecraft/app/config"
	"stagecraft/app/lifecycle"
)

// maxFormSources is how many addresses of the internet are counted at once; those beyond are counted together.
const maxFormSources = 50_000

// formGate keeps machines from sending forms by the thousand. It counts in memory: a restart forgets.
type formGate struct {
	clock     lifecycle.Clock
	proxies   []netip.Prefix
	each, all int // per hour: from one address, and to one form

	mu     sync.Mutex
	began  time.Time
	counts map[string]int // in this hour
	before map[string]int // in the hour before

	refused sync.Map // form name -> *formRefusals
}

// formRefusals counts what was not taken since the start.
type formRefusals struct{ machines, tooMany atomic.Int64 }

func newFormGate(clock lifecycle.Clock, settings config.Forms) *formGate {
	return &formGate{clock: clock, proxies: settings.Networks(), each: cmp.Or(settings.Limit, 20), all: cmp.Or(settings.FormLimit, 2000),
		counts: map[string]int{}, before: map[string]int{}}
}

func (g *formGate) refusals(form string) *formRefusals {
	found, _ := g.refused.LoadOrStore(form, &formRefusals{})
	return found.(*formRefusals)
}

// pass counts one form that was sent, and reports whether it may be taken; if not, when it may be tried again. What was sent
// in the hour before counts by the share of it that lies within the last 60 minutes.
func (g *formGate) pass(form, ip string) (ok bool, again time.Duration) {
	g.mu.Lock()
	defer g.mu.Unlock()
	now := g.clock.Now()
	switch since := now.Sub(g.began); {
	case since >= 2*time.Hour || since < 0:
		g.began, g.counts, g.before = now, map[string]int{}, map[string]int{}
	case since >= time.Hour:
		g.began, g.counts, g.before = g.began.Add(time.Hour), map[string]int{}, g.counts
	}
	rest := 1 - float64(now.Sub(g.began))/float64(time.Hour)
	from, to := "ip "+network(ip), "form "+form
	if _, known := g.counts[from]; !known && len(g.counts) >= maxFormSources {
		from = "ip others"
	}
	for key, limit := range map[string]int{from: g.each, to: g.all} {
		if float64(g.counts[key])+rest*float64(g.before[key]) >= float64(limit) {
			return false, max(time.Minute, time.Hour-now.Sub(g.began))
		}
	}
	g.counts[from]++
	g.counts[to]++
	return true, 0
}

// network is what counts as one sender: an address, of IPv6 the network of a household.
func network(ip string) string {
	address, err := netip.ParseAddr(ip)
	if err != nil {
		return ip
	}
	if address = address.Unmap(); address.Is6() {
		if prefix, err := address.Prefix(64); err == nil {
			return prefix.String()
		}
	}
	return address.String()
}

// clientIP returns where a request comes from. What a header says is believed only of proxies that are known: the last
// address in it that is none of theirs.
func (g *formGate) clientIP(c *fiber.Ctx) string {
	ip := c.Context().RemoteIP().String()
	// There may be several lines of it: proxies that add their own put it behind what the sender has made up.
	hops := strings.Split(string(bytes.Join(c.Request().Header.PeekAll(fiber.HeaderXForwardedFor), []byte{','})), ",")
	for i := len(hops) - 1; i >= 0 && g.ours(ip); i-- {
		next := strings.TrimSpace(hops[i])
		if _, err := netip.ParseAddr(next); err != nil {
			break
		}
		ip = strings.Clone(next)
	}
	return ip
}

func (g *formGate) ours(ip string) bool {
	address, err := netip.ParseAddr(ip)
	if err != nil {
		return false
	}
	for _, network := range g.proxies {
		if network.Contains(address.Unmap()) {
			return true
		}
	}
	return false
}
