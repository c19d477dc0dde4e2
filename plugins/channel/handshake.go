package channel

import (
	"context"

	"github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"

	"stagecraft/plugins/channel/channelpb"
)

// ProtocolVersion is the application protocol that this package speaks; channel.proto describes it.
const ProtocolVersion = 1

// PluginName is the name under which go-plugin dispenses the connector.
const PluginName = "connector"

// Handshake is what host and connector must agree on. The cookie only keeps people from starting a connector by hand
// and wondering why nothing happens. It is no security: that comes from mutual TLS on a socket in a private folder.
func Handshake() plugin.HandshakeConfig {
	return plugin.HandshakeConfig{
		ProtocolVersion:  ProtocolVersion,
		MagicCookieKey:   "STAGECRAFT_CHANNEL",
		MagicCookieValue: "8f5f2ad0-connector",
	}
}

// GRPCPlugin joins the protocol to go-plugin, on both sides. The host leaves Connector nil.
type GRPCPlugin struct {
	plugin.NetRPCUnsupportedPlugin
	Connector Connector
	serving   *server
}

// GRPCServer registers the connector with a server; go-plugin calls it in the connector's process.
func (p *GRPCPlugin) GRPCServer(_ *plugin.GRPCBroker, s *grpc.Server) error {
	if p.serving == nil {
		p.serving = newServer(p.Connector)
	}
	channelpb.RegisterConnectorServer(s, p.serving)
	return nil
}

// GRPCClient returns the *Client; go-plugin calls it in the host.
func (p *GRPCPlugin) GRPCClient(_ context.Context, _ *plugin.GRPCBroker, conn *grpc.ClientConn) (any, error) {
	return &Client{rpc: channelpb.NewConnectorClient(conn)}, nil
}
