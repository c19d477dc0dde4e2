// Package config holds the one checked configuration of the server. Every setting can be given as a flag, as an
// environment variable or in one JSON file, and counts in this order: flag, environment, file, default.
package config

import (
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"strings"
	"time"
	_ "time/tzdata" // the machine may have no list of zones, or an old one
)

// Config is everything that the server can be told. It is meant to be embedded in the struct of a kong command:
//
//	type Serve struct{ config.Config }
//
// The tags are the documentation: what `--help` shows is all there is. After parsing, call Check, which fills in what
// follows from other settings and reports everything that is wrong.
type Config struct {
	File File `name:"config" env:"STAGECRAFT_CONFIG" placeholder:"FILE" help:"JSON file with settings, named like the flags without dashes in front. Flags and environment count before it."`

	Data      string `name:"data" env:"STAGECRAFT_DATA" default:"stagecraft-data" placeholder:"FOLDER" help:"Folder of the store, of the keys and of the connectors; made if it is missing. Default: ${default}."`
	Addr      string `name:"addr" env:"STAGECRAFT_ADDR" default:"127.0.0.1:8080" placeholder:"HOST:PORT" help:"Address to listen on; port 0 takes a free one. Default: ${default}."`
	PublicURL string `name:"public-url" env:"STAGECRAFT_PUBLIC_URL" placeholder:"URL" help:"Base of the links in messages, as customers reach this server. Default: http:// and the address."`
	Scripts   string `name:"scripts" env:"STAGECRAFT_SCRIPTS" placeholder:"FOLDER" help:"Folder of the journeys; the built-in ones are written there if it is missing. Default: scripts in the data folder."`

	WriteKey   Secret `name:"write-key" env:"STAGECRAFT_WRITE_KEY" placeholder:"KEY" help:"Key with which events come in. Default: drawn at the first start and kept in keys.json in the data folder."`
	BrowserKey Secret `name:"browser-key" env:"STAGECRAFT_BROWSER_KEY" placeholder:"KEY" help:"Key with which events come in from public pages, where everybody can read it; it can do nothing else. Default: drawn at the first start and kept in keys.json in the data folder."`
	AdminKey   Secret `name:"admin-key" env:"STAGECRAFT_ADMIN_KEY" placeholder:"KEY" help:"Key that the console asks for, when set or when the address is not loopback. Default: drawn at the first start and kept in keys.json in the data folder."`

	RateLimit int `name:"rate-limit" env:"STAGECRAFT_RATE_LIMIT" default:"1000" placeholder:"N" help:"Requests a second that each key of the API may make that was not made with a number of its own; a batch is one request. 0 sets no limit. Default: ${default}."`

	Timezone     string   `name:"timezone" env:"STAGECRAFT_TIMEZONE" default:"UTC" placeholder:"ZONE" help:"Time zone of customers whose own is not known, by its IANA name such as Europe/Paris; wait_until goes by it. Default: ${default}."`
	TestAddress  string   `name:"test-address" env:"STAGECRAFT_TEST_ADDRESS" placeholder:"ADDRESS" help:"Mail address to which all mails of test people go; what they would get by other channels is recorded and goes nowhere. Default: none, their mails go nowhere either."`
	PublishLimit int      `name:"publish-limit" env:"STAGECRAFT_PUBLISH_LIMIT" default:"1000" placeholder:"PEOPLE" help:"How many people a new script or a journey that goes live may reach within the next hour before it asks for confirmation; 0 asks always. Default: ${default} people."`
	WebhookAllow []string `name:"webhook-allow" env:"STAGECRAFT_WEBHOOK_ALLOW" placeholder:"HOST,..." help:"Hosts in the own network, as their names or addresses stand in the URL, that webhooks may be posted to. Default: none, only addresses of the public internet."`
	InAppOrigins []string `name:"inapp-origins" env:"STAGECRAFT_INAPP_ORIGINS" placeholder:"URL,..." help:"Origins of the pages that may show customers their inboxes, such as https://shop.example. Default: none but this server."`

	StageWebhooks []string `name:"stage-webhooks" env:"STAGECRAFT_STAGE_WEBHOOKS" placeholder:"URL,..." help:"Addresses to which every change of a customer's stage is posted, with the old stage, the new one, the reason and the decision. Default: none."`

	Channels ChannelsFile `name:"channels" env:"STAGECRAFT_CHANNELS" placeholder:"FILE" help:"JSON file of further channels and the settings of their connectors, such as {\"sms\": {\"settings\": {...}}}. Those of channels that have none yet are taken over and kept encrypted in the data folder; after that neither file nor flag is needed. Default: none."`

	CallDispositions []string `name:"call-dispositions" env:"STAGECRAFT_CALL_DISPOSITIONS" placeholder:"NAME,..." help:"How calls of the call centre may end, beside reached, no-answer, busy, wrong-number, refused and call-back. Default: none."`

	Policy Policy `embed:"" group:"What may be sent:"`

	Tracking Tracking `embed:"" group:"Links in mails:"`

	Forms Forms `embed:"" group:"Forms and referrals:"`

	Sources Sources `embed:"" group:"Sources:"`

	Identity Identity `embed:"" group:"Identities:"`

	Privacy Privacy `embed:"" group:"What is kept:"`

	Revenue Revenue `embed:"" group:"Revenue:"`

	SMTP SMTP `embed:"" prefix:"smtp-" group:"Mail:"`

	LogLevel    string `name:"log-level" env:"STAGECRAFT_LOG_LEVEL" default:"info" placeholder:"LEVEL" help:"Least serious entry to log: debug, info, warn or error. Default: ${default}."`
	LogFormat   string `name:"log-format" env:"STAGECRAFT_LOG_FORMAT" default:"text" placeholder:"FORMAT" help:"text or json. Default: ${default}."`
	MaxPending  int    `name:"max-pending" env:"STAGECRAFT_MAX_PENDING" default:"16384" placeholder:"EVENTS" help:"Events that may be waiting for their commit before senders are told to come back later (429), 64 to 1048576. Default: ${default} events."`
	MemoryLimit int    `name:"memory-limit" env:"STAGECRAFT_MEMORY_LIMIT" default:"0" placeholder:"MB" help:"Soft limit for the memory of the server, in MB, at least 256; 0 means 1024. Default: ${default}."`
}

// SMTP is how mail leaves. Without a host no mail is sent.
type SMTP struct {
	Host        string `name:"host" env:"STAGECRAFT_SMTP_HOST" placeholder:"HOST" help:"Mail server that takes our mail. Default: none, no mail leaves."`
	Port        int    `name:"port" env:"STAGECRAFT_SMTP_PORT" default:"0" placeholder:"PORT" help:"Its port; 0 means 465 with tls and 587 otherwise. Default: ${default}."`
	Username    string `name:"username" env:"STAGECRAFT_SMTP_USERNAME" placeholder:"NAME" help:"Name to log in with. Default: no login."`
	Password    Secret `name:"password" env:"STAGECRAFT_SMTP_PASSWORD" placeholder:"PASSWORD" help:"Password to log in with. Use the environment or the file: other users of the machine can read flags with ps. Default: none."`
	Security    string `name:"security" env:"STAGECRAFT_SMTP_SECURITY" default:"starttls" placeholder:"KIND" help:"starttls (required), tls (from the first byte), opportunistic (starttls where offered) or none. Default: ${default}."`
	From        string `name:"from" env:"STAGECRAFT_SMTP_FROM" placeholder:"ADDRESS" help:"Sender of all mail, such as 'Shop <hello@shop.example>'. Needed with a host. Default: none."`
	Connections int    `name:"connections" env:"STAGECRAFT_SMTP_CONNECTIONS" default:"4" placeholder:"N" help:"Connections held to the mail server at once, 1 to 100. Default: ${default}."`
	CAFile      string `name:"ca-file" env:"STAGECRAFT_SMTP_CA_FILE" placeholder:"FILE" help:"PEM file of the authorities to trust for the mail server. Default: those of the system."`
}

// Enabled reports whether a mail server is configured.
func (s SMTP) Enabled() bool { return s.Host != "" }

// Zone returns the zone of Timezone, or UTC if there is no such zone, which Check refuses.
func (c Config) Zone() *time.Location {
	zone, err := zoneOf(c.Timezone)
	if err != nil {
		return time.UTC
	}
	return zone
}

// zoneOf finds a zone by its name. That of the machine has none that means the same elsewhere.
func zoneOf(name string) (*time.Location, error) {
	if name == "" || strings.EqualFold(name, "local") {
		return nil, fmt.Errorf("%q names no time zone", name)
	}
	return time.LoadLocation(name)
}

// Loopback reports whether the address can be reached from this machine only, so that the console may do without a
// key. A name other than localhost counts as reachable from elsewhere.
func (c Config) Loopback() bool {
	host, _, err := net.SplitHostPort(c.Addr)
	if err != nil {
		return false
	}
	if strings.EqualFold(host, "localhost") {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}

// Keyless reports whether the console may do without a key: no admin key is set, the address is loopback, and the public
// URL does not say that the server is reached from elsewhere, as it is through a proxy on the same machine.
func (c Config) Keyless() bool {
	if c.AdminKey != "" || !c.Loopback() {
		return false
	}
	public, err := url.Parse(c.PublicURL)
	return c.PublicURL == "" || err == nil && (Config{Addr: net.JoinHostPort(public.Hostname(), "0")}).Loopback()
}

// URLOf returns the base URL of a listening address. An address without a host, or with the one that means all
// interfaces, becomes localhost. It is "" for port 0, which is not known before listening, and for what is no address.
func URLOf(addr string) string {
	host, port, err := net.SplitHostPort(addr)
	if err != nil || port == "0" || port == "" {
		return ""
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "localhost"
	}
	return "http://" + net.JoinHostPort(host, port)
}

// String lists the settings for a log, without keys and passwords.
func (c Config) String() string {
	return fmt.Sprintf("data=%q addr=%q public-url=%q scripts=%q write-key=%s browser-key=%s admin-key=%s rate-limit=%d smtp=%s:%d "+
		"policy=%q send-hours=%q caps=%q cap-all=%t duplicates=%dh pause=%q track=%q tracking-url=%q utm=%q timezone=%q test-address=%q publish-limit=%d webhook-allow=%q inapp-origins=%q stage-webhooks=%q channels=%q call-dispositions=%q "+
		"form-limit=%d form-limit-each=%d trusted-proxies=%q referral-url=%q referral-event=%q "+
		"smtp-username=%q smtp-password=%s smtp-security=%s smtp-from=%q smtp-connections=%d smtp-ca-file=%q "+
		"source-precedence=%q source-allow=%q "+
		"calling-code=%q identity-users=%d identity-joined=%d "+
		"keep-events=%dd keep-anonymous=%dd keep-bodies=%dd rewrite-after=%dh erased-file=%q "+
		"revenue-orders=%q revenue-refunds=%q revenue-amount=%q "+
		"log-level=%s log-format=%s max-pending=%d memory-limit=%dMB",
		c.Data, c.Addr, c.PublicURL, c.Scripts, c.WriteKey, c.BrowserKey, c.AdminKey, c.RateLimit, c.SMTP.Host, c.SMTP.Port,
		c.Policy.Preset, c.Policy.SendHours, c.Policy.Caps, c.Policy.CapAll, c.Policy.Duplicates, c.Policy.Pause, c.Tracking.Track, c.Tracking.URL, c.Tracking.UTM, c.Timezone, c.TestAddress, c.PublishLimit, c.WebhookAllow, c.InAppOrigins, c.StageWebhooks, c.Channels, c.CallDispositions,
		c.Forms.Limit, c.Forms.FormLimit, c.Forms.Proxies, c.Forms.ReferralURL, c.Forms.ReferralEvent,
		c.SMTP.Username, c.SMTP.Password, c.SMTP.Security, c.SMTP.From, c.SMTP.Connections, c.SMTP.CAFile,
		c.Sources.Precedence, c.Sources.Allow,
		c.Identity.CallingCode, c.Identity.Users, c.Identity.Joined,
		c.Privacy.Events, c.Privacy.Anonymous, c.Privacy.Bodies, c.Privacy.Rewrite, c.Privacy.Erased,
		c.Revenue.Orders, c.Revenue.Refunds, c.Revenue.Amount,
		c.LogLevel, c.LogFormat, c.MaxPending, c.MemoryLimit)
}

// GoString is String, so that no way of printing shows a key.
func (c Config) GoString() string { return c.String() }

// LogValue is String, for slog.
func (c Config) LogValue() slog.Value { return slog.StringValue(c.String()) }
