package config

import (
	"crypto/x509"
	"fmt"
	"net"
	"net/mail"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// Problem is one setting that cannot stay as it is.
type Problem struct {
	Flag    string // "--addr"
	Message string // what is wrong and what to do
}

// Problems is the error of Check: everything that is wrong, in the order of the settings.
type Problems []Problem

// Error returns one line for each problem.
func (p Problems) Error() string {
	lines := make([]string, len(p))
	for i, problem := range p {
		lines[i] = problem.Flag + ": " + problem.Message
	}
	return strings.Join(lines, "\n")
}

func (p *Problems) add(flag, format string, args ...any) {
	*p = append(*p, Problem{flag, fmt.Sprintf(format, args...)})
}

// Check fills in what follows from other settings (Scripts, PublicURL, SMTP.Port) or was left empty (Timezone) and returns Problems if the
// settings cannot work, all of them at once. It looks at files but changes none. With port 0 in Addr, PublicURL stays
// empty where it was not given; whoever listens then sets it with URLOf.
func (c *Config) Check() error {
	var problems Problems
	c.checkFolders(&problems)
	c.checkAddresses(&problems)
	c.checkKeys(&problems)
	c.checkPeople(&problems)
	c.checkOrigins(&problems)
	c.checkStageWebhooks(&problems)
	c.checkChannels(&problems)
	c.checkDispositions(&problems)
	c.Policy.read(&problems)
	c.Tracking.check(&problems)
	c.Sources.check(&problems)
	c.Identity.check(&problems)
	c.Revenue.check(&problems)
	c.Forms.check(&problems)
	c.Privacy.check(&problems)
	c.SMTP.check(&problems)
	c.checkRunning(&problems)
	if len(problems) > 0 {
		return problems
	}
	return nil
}

func (c *Config) checkFolders(problems *Problems) {
	if c.Data == "" {
		problems.add("--data", "it is empty; name a folder, such as stagecraft-data")
	} else {
		c.Data = filepath.Clean(c.Data)
		checkFolder(problems, "--data", c.Data)
		if c.Scripts == "" {
			c.Scripts = filepath.Join(c.Data, "scripts")
		}
	}
	if c.Scripts != "" {
		c.Scripts = filepath.Clean(c.Scripts)
		checkFolder(problems, "--scripts", c.Scripts)
		if c.Scripts == c.Data {
			problems.add("--scripts", "it is the data folder itself; give the scripts a folder of their own")
		}
	}
}

// checkFolder finds what would keep a folder from being used or made.
func checkFolder(problems *Problems, flag, path string) {
	for at := path; ; at = filepath.Dir(at) {
		info, err := os.Stat(at)
		switch {
		case err == nil && !info.IsDir():
			problems.add(flag, "%s is a file; name a folder", at)
			return
		case err == nil && info.Mode().Perm()&0o200 == 0:
			problems.add(flag, "%s may not be written to; change its permissions or name another folder", at)
			return
		case err == nil || at == filepath.Dir(at):
			return
		}
	}
}

func (c *Config) checkAddresses(problems *Problems) {
	host, port, err := net.SplitHostPort(c.Addr)
	number, portErr := strconv.Atoi(port)
	switch {
	case err != nil:
		problems.add("--addr", "%q is not HOST:PORT; write it like 127.0.0.1:8080", c.Addr)
	case portErr != nil || number < 0 || number > 65535:
		problems.add("--addr", "%q is not a port; use 0 to 65535", port)
	case strings.ContainsAny(host, "/ \t"):
		problems.add("--addr", "%q is not a host; write an IP address or a name, without http://", host)
	case c.PublicURL == "":
		c.PublicURL = URLOf(c.Addr)
	}
	if c.PublicURL == "" {
		return
	}
	base, err := url.Parse(c.PublicURL)
	switch {
	case err != nil || base.Scheme != "http" && base.Scheme != "https" || base.Hostname() == "":
		problems.add("--public-url", "%q is not an absolute http or https URL; write it like https://mail.shop.example", c.PublicURL)
	case base.User != nil:
		problems.add("--public-url", "it holds a user name; links in messages must not")
	case base.RawQuery != "" || base.Fragment != "":
		problems.add("--public-url", "%q has a query or a fragment; give the base only", c.PublicURL)
	default:
		c.PublicURL = strings.TrimRight(c.PublicURL, "/")
	}
}

func (c *Config) checkKeys(problems *Problems) {
	for _, key := range []struct {
		flag  string
		value Secret
	}{{"--write-key", c.WriteKey}, {"--browser-key", c.BrowserKey}, {"--admin-key", c.AdminKey}} {
		usable := func(r rune) bool { return r > ' ' && r <= '~' && r != ':' }
		if strings.ContainsFunc(key.value.Reveal(), func(r rune) bool { return !usable(r) }) {
			problems.add(key.flag, "a key has only letters, digits and signs of ASCII, no spaces and no colon")
		}
	}
	if c.BrowserKey != "" && (c.BrowserKey == c.WriteKey || c.BrowserKey == c.AdminKey) {
		problems.add("--browser-key", "it is the same as --write-key or --admin-key, and everybody can read it in your pages; draw another one")
	}
	if c.RateLimit < 0 || c.RateLimit > 100_000 {
		problems.add("--rate-limit", "%d is none of 0 to 100000 requests a second", c.RateLimit)
	}
	if c.AdminKey != "" && c.AdminKey == c.WriteKey {
		problems.add("--admin-key", "it is the same as --write-key, which every sender knows; draw another one")
	}
}

// checkPeople looks at what decides when and whether people are reached.
func (c *Config) checkPeople(problems *Problems) {
	if c.Timezone == "" {
		c.Timezone = "UTC"
	}
	if _, err := zoneOf(c.Timezone); err != nil {
		problems.add("--timezone", "%q is not a time zone; write its IANA name, such as Europe/Paris or UTC", c.Timezone)
	}
	if c.TestAddress != "" {
		if address, err := mail.ParseAddress(c.TestAddress); err != nil || address.Address != c.TestAddress {
			problems.add("--test-address", "%q is not a mail address; write it like tests@shop.example", c.TestAddress)
		}
	}
	if c.PublishLimit < 0 {
		problems.add("--publish-limit", "%d is not a number of people; use 0 to be asked always", c.PublishLimit)
	}
	for _, host := range c.WebhookAllow {
		if host == "" || strings.ContainsAny(host, "/@ *?") {
			problems.add("--webhook-allow", "%q is not a host; write a name or an address without http:// and port", host)
		}
	}
}

// checkOrigins looks at the pages that may ask for inboxes, and writes them as browsers do.
func (c *Config) checkOrigins(problems *Problems) {
	for i, text := range c.InAppOrigins {
		text = strings.TrimSuffix(strings.ToLower(strings.TrimSpace(text)), "/")
		origin, err := url.Parse(text)
		if err != nil || origin.Scheme != "https" && origin.Scheme != "http" || origin.Hostname() == "" || text != origin.Scheme+"://"+origin.Host || strings.Contains(text, "*") {
			problems.add("--inapp-origins", "%q is not the origin of a page; write it like https://shop.example, without a path", c.InAppOrigins[i])
			continue
		}
		for scheme, port := range map[string]string{"https": ":443", "http": ":80"} {
			if origin.Scheme == scheme {
				text = strings.TrimSuffix(text, port)
			}
		}
		c.InAppOrigins[i] = text
	}
}

func (s *SMTP) check(problems *Problems) {
	if !slices.Contains([]string{"starttls", "tls", "none", "opportunistic"}, s.Security) {
		problems.add("--smtp-security", "%q is none of starttls, tls, opportunistic and none", s.Security)
	}
	if s.Port < 0 || s.Port > 65535 {
		problems.add("--smtp-port", "%d is not a port; use 1 to 65535, or 0 for the usual one", s.Port)
	}
	if s.Connections < 1 || s.Connections > 100 {
		problems.add("--smtp-connections", "%d is not between 1 and 100", s.Connections)
	}
	if s.From != "" {
		if _, err := mail.ParseAddress(s.From); err != nil {
			problems.add("--smtp-from", "%q is not a mail address; write it like 'Shop <hello@shop.example>'", s.From)
		}
	}
	if s.CAFile != "" {
		pem, err := os.ReadFile(s.CAFile)
		if err != nil {
			problems.add("--smtp-ca-file", "it cannot be read: %v", err)
		} else if !x509.NewCertPool().AppendCertsFromPEM(pem) {
			problems.add("--smtp-ca-file", "%s holds no certificate in PEM form", s.CAFile)
		}
	}
	if s.Password != "" && s.Username == "" {
		problems.add("--smtp-username", "there is a password without a name; set the name too")
	}
	if s.Username != "" && s.Password == "" {
		problems.add("--smtp-password", "there is a name without a password; set STAGECRAFT_SMTP_PASSWORD")
	}
	if s.Host == "" {
		if s.Username != "" || s.From != "" || s.CAFile != "" {
			problems.add("--smtp-host", "mail is configured but no server to send it through; set the host, or remove the other smtp settings")
		}
		return
	}
	if strings.ContainsAny(s.Host, "/: \t") && net.ParseIP(s.Host) == nil {
		problems.add("--smtp-host", "%q is not a host; write a name or an IP address, and the port in --smtp-port", s.Host)
	}
	if s.From == "" {
		problems.add("--smtp-from", "mail needs a sender; set it like 'Shop <hello@shop.example>'")
	}
	ip := net.ParseIP(s.Host)
	local := strings.EqualFold(s.Host, "localhost") || ip != nil && ip.IsLoopback()
	if s.Security == "none" && s.Password != "" && !local {
		problems.add("--smtp-security", "with none the password would travel in the clear; use starttls or tls")
	}
	if s.Port == 0 {
		s.Port = 587
		if s.Security == "tls" {
			s.Port = 465
		}
	}
}

func (c *Config) checkRunning(problems *Problems) {
	if !slices.Contains([]string{"debug", "info", "warn", "error"}, c.LogLevel) {
		problems.add("--log-level", "%q is none of debug, info, warn and error", c.LogLevel)
	}
	if c.LogFormat != "text" && c.LogFormat != "json" {
		problems.add("--log-format", "%q is neither text nor json", c.LogFormat)
	}
	if c.MaxPending < 64 || c.MaxPending > 1<<20 {
		problems.add("--max-pending", "%d is not between 64 and 1048576 events", c.MaxPending)
	}
	if c.MemoryLimit != 0 && (c.MemoryLimit < 256 || c.MemoryLimit > 1<<20) {
		problems.add("--memory-limit", "%d MB is not between 256 and 1048576; 0 means 1024", c.MemoryLimit)
	}
}
