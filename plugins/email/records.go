package email

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"time"

	"golang.org/x/net/publicsuffix"
)

// Resolver looks up TXT records; net.Resolver is one.
type Resolver interface {
	LookupTXT(ctx context.Context, name string) ([]string, error)
}

// Record is one DNS record that lets receivers see that mail is the sender's, and what is there in its place.
type Record struct {
	Name    string // where it belongs
	Want    string // the TXT record to paste
	Problem string // "" when what is there will do
}

// Check looks up SPF (RFC 7208), DKIM (RFC 6376) and DMARC (RFC 7489) of the settings' sender and says what is missing, with
// the records to paste. A name that cannot be looked up for another reason than that it is not there is a problem too. It
// may be called at any time after Configure; ctx bounds it.
func (c *Connector) Check(ctx context.Context, resolver Resolver) []Record {
	c.mu.Lock()
	s := c.settings
	c.mu.Unlock()
	if s == nil {
		return nil
	}
	return check(ctx, resolver, s)
}

// Records is Check for settings as Configure takes them, without a connector.
func Records(ctx context.Context, resolver Resolver, raw json.RawMessage) ([]Record, error) {
	s, err := parseSettings(raw)
	if err != nil {
		return nil, err
	}
	return check(ctx, resolver, s), nil
}

func check(ctx context.Context, resolver Resolver, s *settings) []Record {
	records := []Record{checkSPF(ctx, resolver, s)}
	for i := range s.DKIM {
		records = append(records, checkDKIM(ctx, resolver, &s.DKIM[i]))
	}
	return append(records, checkDMARC(ctx, resolver, s))
}

// lookup returns the records at a name that begin with a version.
func lookup(ctx context.Context, resolver Resolver, name, version string) (found []string, problem string) {
	texts, err := resolver.LookupTXT(ctx, name)
	var dns *net.DNSError
	if err != nil && !(errors.As(err, &dns) && dns.IsNotFound) {
		return nil, "it could not be looked up: " + err.Error()
	}
	for _, text := range texts {
		first, _, _ := strings.Cut(text, ";")
		first, _, _ = strings.Cut(strings.TrimSpace(first), " ")
		if strings.EqualFold(strings.ReplaceAll(first, " ", ""), version) {
			found = append(found, text)
		}
	}
	return found, ""
}

// checkSPF looks at the domain of the return path, which is the one that receivers check.
func checkSPF(ctx context.Context, resolver Resolver, s *settings) Record {
	r := Record{Name: s.spfDomain(), Want: "v=spf1 a:" + s.Host + " ~all"}
	if ip := net.ParseIP(s.Host); ip != nil && ip.To4() != nil {
		r.Want = "v=spf1 ip4:" + s.Host + " ~all"
	} else if ip != nil {
		r.Want = "v=spf1 ip6:" + s.Host + " ~all"
	}
	found, problem := lookup(ctx, resolver, r.Name, "v=spf1")
	switch {
	case problem != "":
		r.Problem = problem
	case len(found) == 0:
		r.Problem = "there is no SPF record; where the mail server hands on to others, use the include that its operator names"
	case len(found) > 1:
		r.Problem = "there are several SPF records, so that none counts; make one of them"
	default:
		terms := strings.Fields(strings.ToLower(found[0]))[1:]
		lookups := 0
		for _, term := range terms {
			name, _, _ := strings.Cut(strings.TrimLeft(term, "+-~?"), ":")
			name, _, _ = strings.Cut(name, "/")
			if name, _, _ = strings.Cut(name, "="); slices.Contains([]string{"include", "a", "mx", "ptr", "exists", "redirect"}, name) {
				lookups++
			}
		}
		switch {
		case slices.Contains(terms, "+all") || slices.Contains(terms, "all"):
			r.Problem = "it lets everybody send (+all); end it with ~all or -all"
		case lookups > 10:
			r.Problem = fmt.Sprintf("it needs %d lookups of its own; receivers stop at 10", lookups)
		case len(terms) == 1 && strings.HasSuffix(terms[0], "all"):
			r.Problem = "it lets nobody send"
		}
	}
	return r
}

// checkDKIM compares the published key with the one that signs.
func checkDKIM(ctx context.Context, resolver Resolver, k *signingKey) Record {
	name, want, err := k.record()
	r := Record{Name: name, Want: want}
	if err != nil {
		r.Problem = err.Error()
		return r
	}
	texts, err := resolver.LookupTXT(ctx, name)
	var dns *net.DNSError
	switch {
	case err != nil && !(errors.As(err, &dns) && dns.IsNotFound):
		r.Problem = "it could not be looked up: " + err.Error()
	case len(texts) == 0:
		r.Problem = "the public key is not published"
	case len(texts) > 1:
		r.Problem = "there are several records; leave only the one with the key"
	case tags(texts[0])["p"] == "":
		r.Problem = "the key is revoked (p is empty) or the record is not a DKIM key"
	case tags(texts[0])["p"] != tags(want)["p"]:
		r.Problem = "another key is published than the one that signs"
	}
	return r
}

// checkDMARC looks at the sender's domain, then at the one it belongs to, and at whether DKIM or the return path is in
// line with the sender (relaxed: the same organisation).
func checkDMARC(ctx context.Context, resolver Resolver, s *settings) Record {
	domain := s.from.domain
	r := Record{Name: "_dmarc." + domain, Want: "v=DMARC1; p=none; rua=mailto:postmaster@" + domain}
	found, problem := lookup(ctx, resolver, r.Name, "v=DMARC1")
	if above := organisation(domain); len(found) == 0 && problem == "" && above != domain {
		found, problem = lookup(ctx, resolver, "_dmarc."+above, "v=DMARC1")
	}
	aligned := organisation(s.spfDomain()) == organisation(domain)
	for i := range s.DKIM {
		aligned = aligned || organisation(s.DKIM[i].Domain) == organisation(domain)
	}
	switch {
	case problem != "":
		r.Problem = problem
	case len(found) == 0:
		r.Problem = "there is no DMARC record"
	case len(found) > 1:
		r.Problem = "there are several DMARC records, so that none counts; make one of them"
	case !slices.Contains([]string{"none", "quarantine", "reject"}, strings.ToLower(tags(found[0])["p"])):
		r.Problem = "its p must be none, quarantine or reject"
	case !aligned:
		r.Problem = "neither a DKIM domain nor the return path belongs to the sender's domain " + domain + ", so DMARC fails"
	}
	return r
}

// organisation is the domain that somebody registered.
func organisation(domain string) string {
	if above, err := publicsuffix.EffectiveTLDPlusOne(strings.ToLower(domain)); err == nil {
		return above
	}
	return strings.ToLower(domain)
}

// tags reads a tag list (RFC 6376 3.2) without the white space in its values.
func tags(text string) map[string]string {
	out := map[string]string{}
	for part := range strings.SplitSeq(text, ";") {
		if name, value, found := strings.Cut(part, "="); found {
			out[strings.ToLower(strings.TrimSpace(name))] = strings.Join(strings.Fields(value), "")
		}
	}
	return out
}

// How often and how long the records are looked up.
const (
	checkEvery   = 12 * time.Hour
	checkTimeout = 30 * time.Second
)

// startChecks checks the domain now and then, for Health. A mail server on this machine is for trying things out, with
// whatever sender.
func (c *Connector) startChecks(ctx context.Context, s *settings) (stop func()) {
	if !s.CheckDNS || local(s.Host) {
		return func() {}
	}
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		ticker := time.NewTicker(checkEvery)
		defer ticker.Stop()
		for {
			c.checkOnce(ctx, s)
			select {
			case <-ctx.Done():
				return
			case <-ticker.C:
			}
		}
	}()
	return func() {
		cancel()
		<-done
	}
}

func (c *Connector) checkOnce(ctx context.Context, s *settings) {
	bounded, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	var findings []string
	for _, r := range check(bounded, net.DefaultResolver, s) {
		if r.Problem != "" {
			findings = append(findings, fmt.Sprintf("%s: %s (TXT record to paste: %s)", r.Name, r.Problem, r.Want))
		}
	}
	if ctx.Err() != nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.settings == s {
		c.findings = findings
	}
}
