package web

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/gofiber/fiber/v2"

	"stagecraft/app/channels"
	"stagecraft/app/delivery"
	"stagecraft/app/lifecycle"
)

// Connections are the channels that can be set while the server runs.
type Connections interface {
	// View returns all there is to say about them; secrets are hidden.
	View(ctx context.Context) (ChannelsView, error)
	// Set has a channel served from now on with settings that its connector takes; else nothing changes.
	Set(ctx context.Context, channel string, change ChannelChange) error
	// Remove forgets the settings of a channel and stops its connector. What is queued waits.
	Remove(ctx context.Context, channel string) error
	// Approve lets a connector of others be started that has a SHA-256; Disapprove takes that back, and stops it.
	Approve(ctx context.Context, connector, sha256 string, at time.Time) error
	Disapprove(ctx context.Context, connector string) error
	// Records returns the DNS records of the sender of a channel of mail.
	Records(ctx context.Context, channel string) ([]DNSRecord, error)
}

// ChannelChange is what PUT /api/channels/{name} asks for. With limits alone, connector and settings stay as they are.
type ChannelChange struct {
	Connector   string          `json:"connector"`
	Settings    json.RawMessage `json:"settings"`
	Rate        *float64        `json:"rate"`        // messages a second at most; 0: no limit; nil: as before
	Concurrency *int            `json:"concurrency"` // messages with the connector at once at most; likewise
}

// ChannelsView is what GET /api/channels answers.
type ChannelsView struct {
	Channels   []ChannelView     `json:"channels"`
	Connectors []ConnectorView   `json:"connectors"` // that may be chosen: ours, and approved ones of others
	Plugins    []channels.Plugin `json:"plugins"`    // of others, approved or not
}

// ChannelView is a channel and how it is served.
type ChannelView struct {
	channels.Status
	channels.Limits
	Kind     string          `json:"kind"`            // "email" of email and email-news; of a channel of others its name
	From     string          `json:"from"`            // settings, flags, default, built-in, or none
	Fixed    string          `json:"fixed,omitempty"` // the flag that keeps it from being set here
	Settings json.RawMessage `json:"settings,omitempty"`
	Callback string          `json:"callback,omitempty"` // the address to give to the provider
	Queued   int             `json:"queued,omitempty"`   // messages that have not left; delivery.MaxQueued: that many or more
	Held     int             `json:"held,omitempty"`     // of them, where the channel does not run: in doubt, for somebody to decide about
	// Pauses are those of the whole channel, or of all of a kind that leaves by it.
	Pauses []delivery.Order `json:"pauses,omitempty"`
}

// ConnectorView is a connector that may serve channels.
type ConnectorView struct {
	Name      string          `json:"name"`
	BuiltIn   bool            `json:"builtIn"`
	Version   string          `json:"version"`
	Channels  []string        `json:"channels"`
	Callbacks bool            `json:"callbacks"` // its provider calls back
	Schema    json.RawMessage `json:"schema,omitempty"`
	Problem   string          `json:"problem,omitempty"`
}

// DNSRecord is a TXT record that lets receivers see that mail is the sender's.
type DNSRecord struct {
	Name    string `json:"name"`
	Want    string `json:"want"`
	Problem string `json:"problem"` // empty when what is there will do
}

// routeChannels has what sets channels up.
func (s *Server) routeChannels(api fiber.Router) {
	api.Get("/channels", s.channelsView)
	api.Get("/channels/:name/records", s.dnsRecords)
	api.Put("/channels/:name", s.setChannel)
	api.Delete("/channels/:name", s.removeChannel)
	api.Post("/connectors/:name/approve", s.approveConnector)
	api.Delete("/connectors/:name/approve", s.disapproveConnector)
}

func (s *Server) channelsView(c *fiber.Ctx) error {
	view, err := s.Connections.View(c.UserContext())
	if err != nil {
		return err
	}
	if view.Plugins == nil {
		view.Plugins = []channels.Plugin{}
	}
	calledBack := map[string]bool{}
	for i := range view.Connectors {
		connector := &view.Connectors[i]
		calledBack[connector.Name] = connector.Callbacks
		if connector.Channels == nil { // it could not be asked
			connector.Channels = []string{}
		}
	}
	for i := range view.Channels {
		view.Channels[i].Kind = lifecycle.KindOf(view.Channels[i].Channel)
		if one := &view.Channels[i]; calledBack[one.Connector] {
			one.Callback = s.PublicURL + "/callbacks/" + one.Channel
		}
	}
	pauses, err := s.pausesOfChannels(c.UserContext())
	if err != nil {
		return err
	}
	for i := range view.Channels {
		view.Channels[i].Pauses = pauses[view.Channels[i].Channel]
	}
	c.Set(fiber.HeaderCacheControl, "no-store")
	return c.JSON(view)
}

// pausesOfChannels returns the pauses of whole channels, or of all of a kind that leaves by one, by channel.
func (s *Server) pausesOfChannels(ctx context.Context) (map[string][]delivery.Order, error) {
	orders, err := s.Delivery.Orders(ctx)
	if err != nil {
		return nil, err
	}
	pauses := map[string][]delivery.Order{}
	for _, pause := range orders.Pauses {
		if pause.Whole() {
			pauses[pause.Channel] = append(pauses[pause.Channel], pause)
		}
	}
	return pauses, nil
}

func (s *Server) setChannel(c *fiber.Ctx) error {
	name, err := param(c, "name")
	if err != nil {
		return err
	}
	data, err := body(c, maxBody)
	if err != nil {
		return err
	}
	var wanted ChannelChange
	if err = decodeStrict(data, &wanted); err != nil {
		// Where no field is named, the words could quote a secret.
		wrong := lifecycle.Errorf(lifecycle.Invalid, `send one JSON object such as {"connector": "sms", "settings": {…}, "rate": 5, "concurrency": 2}`)
		var named *lifecycle.Error
		if errors.As(err, &named) && named.Field != "" {
			wrong.Field, wrong.Message, wrong.Hint = named.Field, named.Message, wrong.Message
		}
		return wrong
	}
	if err = s.Connections.Set(c.UserContext(), name, wanted); err != nil {
		return err
	}
	return s.channelsView(c)
}

func (s *Server) removeChannel(c *fiber.Ctx) error {
	name, err := param(c, "name")
	if err != nil {
		return err
	}
	if err = s.Connections.Remove(c.UserContext(), name); err != nil {
		return err
	}
	return s.channelsView(c)
}

func (s *Server) dnsRecords(c *fiber.Ctx) error {
	name, err := param(c, "name")
	if err != nil {
		return err
	}
	records, err := s.Connections.Records(c.UserContext(), name)
	if err != nil {
		return err
	}
	return c.JSON(fiber.Map{"records": records})
}

// approveConnector lets a connector of others be started. The SHA-256 that the operator saw has to come with it: what was
// looked at is what is approved.
func (s *Server) approveConnector(c *fiber.Ctx) error {
	name, err := param(c, "name")
	if err != nil {
		return err
	}
	data, err := body(c, maxSingle)
	if err != nil {
		return err
	}
	var seen struct {
		SHA256 string `json:"sha256"`
	}
	if err = decodeStrict(data, &seen); err != nil {
		return err
	}
	if seen.SHA256 == "" {
		return fieldError("sha256", "send the SHA-256 of the connector that is approved")
	}
	if err = s.Connections.Approve(c.UserContext(), name, seen.SHA256, s.Clock.Now()); err != nil {
		return err
	}
	return s.channelsView(c)
}

func (s *Server) disapproveConnector(c *fiber.Ctx) error {
	name, err := param(c, "name")
	if err != nil {
		return err
	}
	if err = s.Connections.Disapprove(c.UserContext(), name); err != nil {
		return err
	}
	return s.channelsView(c)
}
