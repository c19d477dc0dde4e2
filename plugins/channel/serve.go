package channel

import (
	"os"
	"runtime/debug"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"
)

// Serve runs a connector until the host ends it; main calls it and does nothing else. It takes over the process:
// standard output belongs to the protocol (what is printed there later is discarded), standard error is kept by the
// host, and the process exits at once when the host is gone, however that came about.
//
// Nothing may be printed to standard output before Serve is called.
func Serve(connector Connector) {
	// A connector is idle most of the time and lives beside its host on a small machine.
	debug.SetGCPercent(50)
	debug.SetMemoryLimit(128 << 20)
	leaveWithHost()
	serving := newServer(connector)
	plugin.Serve(&plugin.ServeConfig{
		HandshakeConfig:  Handshake(),
		VersionedPlugins: map[int]plugin.PluginSet{ProtocolVersion: {PluginName: &GRPCPlugin{Connector: connector, serving: serving}}},
		GRPCServer: func(options []grpc.ServerOption) *grpc.Server {
			return grpc.NewServer(append(options, grpc.MaxRecvMsgSize(MaxCallBytes))...)
		},
		Logger: hclog.New(&hclog.LoggerOptions{Level: hclog.Error, Output: os.Stderr}),
	})
	closed := make(chan struct{})
	go func() {
		defer close(closed)
		serving.sending.Wait()
		_ = connector.Close()
	}()
	select {
	case <-closed:
	case <-time.After(time.Second):
	}
}
