package channel

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/go-plugin"
	"github.com/hashicorp/go-plugin/runner"
)

// Launch says how to start a connector.
type Launch struct {
	Command   []string            // executable and arguments; no shell
	SocketDir string              // a private folder (0700) for the socket; its path must be short, see MaxSocketDir
	Stderr    io.Writer           // takes standard error, 1 MB a second at most; nil discards it. It is written to by two goroutines
	Started   func(pid int) error // called as soon as there is a process, before it is spoken to; an error ends it
	Grace     time.Duration       // how long Close waits before it kills; 0 means 3 s
}

// MaxSocketDir is how many bytes the path of a socket folder may have: systems limit the path of a Unix socket to 104
// bytes or a few more, and go-plugin adds a folder and a file of its own.
const MaxSocketDir = 60

// Process is a connector that runs, with the Client to talk to it.
type Process struct {
	*Client
	plugin *plugin.Client
	child  *child
	grace  time.Duration
	socket string // the folder go-plugin made for the socket
}

// Start starts a connector and returns when it has announced itself, which takes about 25 ms, or kills it when ctx
// ends before that. The connector gets a process group of its own, a lifeline on standard input, mutual TLS, and of the
// environment only PATH, TMPDIR, TZ and where certificates are. On Linux it dies with this process in every case.
func Start(ctx context.Context, launch Launch) (*Process, error) {
	if len(launch.Command) == 0 || launch.Command[0] == "" {
		return nil, errors.New("no command to start the connector with")
	}
	if len(launch.SocketDir) > MaxSocketDir {
		return nil, fmt.Errorf("the socket folder's path has %d bytes; at most %d leave room for a socket's name", len(launch.SocketDir), MaxSocketDir)
	}
	if launch.Stderr == nil {
		launch.Stderr = io.Discard
	}
	process := &Process{grace: launch.Grace}
	if process.grace <= 0 {
		process.grace = 3 * time.Second
	}
	timeout := time.Minute
	if deadline, ok := ctx.Deadline(); ok {
		timeout = time.Until(deadline)
	}
	process.child = newChild(launch.Command[0], launch.Started)
	synced := newThrottle()
	process.plugin = plugin.NewClient(&plugin.ClientConfig{
		HandshakeConfig:  Handshake(),
		VersionedPlugins: map[int]plugin.PluginSet{ProtocolVersion: {PluginName: &GRPCPlugin{}}},
		RunnerFunc: func(_ hclog.Logger, spec *exec.Cmd, folder string) (runner.Runner, error) {
			process.socket = folder
			process.child.command = command(launch, spec.Env)
			return process.child, nil
		},
		AllowedProtocols: []plugin.Protocol{plugin.ProtocolGRPC},
		Logger:           hclog.New(&hclog.LoggerOptions{Level: hclog.Off, Output: io.Discard}),
		UnixSocketConfig: &plugin.UnixSocketConfig{TempDir: launch.SocketDir},
		Stderr:           launch.Stderr,
		SyncStdout:       slowWriter{io.Discard, synced},
		SyncStderr:       slowWriter{launch.Stderr, synced},
		StartTimeout:     timeout + time.Second, // ctx is the real one
		AutoMTLS:         true,
		SkipHostEnv:      true,
	})
	stop := context.AfterFunc(ctx, process.child.kill)
	defer stop()
	client, err := process.connect()
	if err != nil || ctx.Err() != nil {
		process.Kill()
		if ctx.Err() != nil {
			return nil, fmt.Errorf("%s did not announce itself in time: %w", launch.Command[0], ctx.Err())
		}
		return nil, fmt.Errorf("%s did not start as a connector: %s", launch.Command[0], firstLine(err))
	}
	process.Client = client
	return process, nil
}

func (p *Process) connect() (*Client, error) {
	protocol, err := p.plugin.Client()
	if err != nil {
		return nil, err
	}
	dispensed, err := protocol.Dispense(PluginName)
	if err != nil {
		return nil, err
	}
	client, ok := dispensed.(*Client)
	if !ok {
		return nil, errors.New("the connector is of another kind")
	}
	return client, nil
}

// command builds the command with the little environment that a connector is given.
func command(launch Launch, env []string) *exec.Cmd {
	cmd := exec.Command(launch.Command[0], launch.Command[1:]...)
	cmd.Env = append([]string{lifelineEnv + "=stdin", "TMPDIR=" + launch.SocketDir}, env...)
	for _, name := range []string{"PATH", "TZ", "SSL_CERT_FILE", "SSL_CERT_DIR", "SYSTEMROOT"} {
		if value, ok := os.LookupEnv(name); ok {
			cmd.Env = append(cmd.Env, name+"="+value)
		}
	}
	return cmd
}

func firstLine(err error) string {
	text := strings.TrimSpace(err.Error())
	line, rest, _ := strings.Cut(text, "\n")
	if after, ok := strings.CutPrefix(line, "Unrecognized remote plugin message:"); ok {
		if strings.TrimSpace(after) == "" && strings.Contains(rest, "Failed to read") {
			return "it ended before it announced itself"
		}
		if len(after) > 200 {
			after = after[:200]
		}
		return fmt.Sprintf("it wrote %q to standard output, which belongs to the protocol", strings.TrimSpace(after))
	}
	return line
}

// PID is the connector's process ID, and that of its process group.
func (p *Process) PID() int { return p.child.pid() }

// Done is closed when the connector has ended and the system has let go of it.
func (p *Process) Done() <-chan struct{} { return p.child.done }

// Ended says in words how the connector ended; "" while it runs.
func (p *Process) Ended() string { return p.child.ended() }

// Close asks the connector to end and returns when it has; when that takes longer than the grace, or ctx ends, it is
// killed. No call may be under way whose result still matters.
func (p *Process) Close(ctx context.Context) {
	timer := time.AfterFunc(p.grace, p.child.kill)
	defer timer.Stop()
	stop := context.AfterFunc(ctx, p.child.kill)
	defer stop()
	p.plugin.Kill()
	p.release()
}

// Kill ends the connector and its process group at once and returns when they are gone.
func (p *Process) Kill() {
	// First the signal: a stopped connector would keep go-plugin waiting for an answer.
	p.child.kill()
	p.plugin.Kill()
	p.release()
}

// release lets go of what is left: the group, the pipes, and the folder, which go-plugin forgets when a start fails.
func (p *Process) release() {
	p.child.kill()
	p.child.wait()
	if p.socket != "" {
		_ = os.RemoveAll(p.socket)
	}
}

// Signal kills the process group at once and returns without waiting.
func (p *Process) Signal() { p.child.kill() }

// Abandon cuts the lifeline, as the system does when a host dies, and returns at once: the connector must end by itself
// then. The conformance suite asks that of every connector.
func (p *Process) Abandon() { _ = p.child.lifeline.Close() }
