package app_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"stagecraft/app"
	"stagecraft/app/config"
	"stagecraft/app/lifecycle"
	"stagecraft/plugins/call"
	"stagecraft/plugins/channel"
	"stagecraft/plugins/email"
	"stagecraft/plugins/inapp"
	connlog "stagecraft/plugins/log"
	"stagecraft/plugins/sms"
	connsocial "stagecraft/plugins/social"
	"stagecraft/plugins/webhook"
)

// TestMain lets the test binary be the connector's process, as the program itself is.
func TestMain(m *testing.M) {
	if len(os.Args) == 3 && os.Args[1] == "plugin" {
		channel.Serve(map[string]channel.Connector{"log": connlog.New(), "webhook": webhook.New(), "sms": sms.New(), "social": connsocial.New(), "fax": faxConnector{connlog.New()}, "email": email.New(), "inapp": inapp.New(), "call": call.New(), "letter": newClockedLetter()}[os.Args[2]])
		return
	}
	os.Exit(m.Run())
}

const key = "test-write-key"

// server is a whole running program in a folder of its own.
type server struct {
	t    *testing.T
	cfg  config.Config
	url  string
	key  string // what requests show
	stop func() error
	app  *app.App
}

type setting func(*config.Config)

func startServer(t *testing.T, settings ...setting) *server {
	t.Helper()
	s := &server{t: t, cfg: config.Config{Data: t.TempDir(), Addr: "127.0.0.1:0", WriteKey: key, MaxPending: 16384, LogLevel: "info", LogFormat: "text"}}
	for _, set := range settings {
		set(&s.cfg)
	}
	s.start()
	return s
}

func (s *server) start() {
	s.t.Helper()
	if s.cfg.Scripts == "" {
		s.cfg.Scripts = filepath.Join(s.cfg.Data, "scripts")
	}
	ctx, cancel := context.WithCancel(context.Background())
	listening, ended := make(chan string, 1), make(chan error, 1)
	program, err := app.New(ctx, s.cfg, app.Options{Version: "test", Out: io.Discard,
		Log:       slog.New(slog.NewTextHandler(s.t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn})),
		Plugin:    []string{os.Args[0], "plugin"},
		Listening: func(address string) { listening <- address }})
	if err != nil {
		cancel()
		s.t.Fatal(err)
	}
	s.app = program
	go func() { ended <- program.Run(ctx) }()
	select {
	case address := <-listening:
		s.url = "http://" + address
	case err := <-ended:
		s.t.Fatal(err)
	}
	if s.key = key; s.cfg.AdminKey == "" {
		var drawn struct{ Admin string }
		if data, err := os.ReadFile(filepath.Join(s.cfg.Data, "keys.json")); err != nil || json.Unmarshal(data, &drawn) != nil {
			s.t.Fatal("the keys cannot be read")
		}
		s.key = drawn.Admin
	}
	stopped := false
	s.stop = func() error {
		if stopped {
			return nil
		}
		stopped = true
		cancel()
		select {
		case err := <-ended:
			return err
		case <-time.After(2 * time.Minute):
			return fmt.Errorf("the server did not stop within two minutes")
		}
	}
	s.t.Cleanup(func() {
		if err := s.stop(); err != nil {
			s.t.Error(err)
		}
	})
}

// call makes a request with the console's header and the key that may do all, or of a server that was told one, with the write
// key; it holds the request and its answer to the description of the API. body is JSON, bytes or nil.
func (s *server) call(method, path string, body any, change ...func(*http.Request)) (int, string, http.Header) {
	s.t.Helper()
	var sent []byte
	switch b := body.(type) {
	case nil:
	case []byte:
		sent = b
	case string:
		sent = []byte(b)
	default:
		var err error
		if sent, err = json.Marshal(b); err != nil {
			s.t.Fatal(err)
		}
	}
	var reader io.Reader
	if body != nil {
		reader = bytes.NewReader(sent)
	}
	request, err := http.NewRequest(method, s.url+path, reader)
	if err != nil {
		s.t.Fatal(err)
	}
	request.SetBasicAuth(s.key, "")
	request.Header.Set("X-Stagecraft", "test")
	for _, c := range change {
		c(request)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		s.t.Fatal(err)
	}
	defer response.Body.Close()
	data, err := io.ReadAll(response.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	k, err := readContract()
	if err == nil {
		err = k.check(request, sent, response.StatusCode, response.Header, data)
	}
	if err != nil {
		s.t.Errorf("%s %s is not as docs/openapi.yaml has it: %v", method, path, err)
	}
	return response.StatusCode, string(data), response.Header
}

// must makes a request that has to succeed.
func (s *server) must(method, path string, body any) string {
	s.t.Helper()
	status, text, _ := s.call(method, path, body)
	if status != http.StatusOK {
		s.t.Fatalf("%s %s: %d %s", method, path, status, text)
	}
	return text
}

func (s *server) track(user, event string, more ...map[string]any) {
	s.t.Helper()
	body := map[string]any{"userId": user, "event": event, "context": map[string]any{"traits": map[string]any{"email": user + "@example.com"}}}
	for _, m := range more {
		maps.Copy(body, m)
	}
	s.must("POST", "/v1/track", body)
}

// overview is what the tests look at of GET /api/overview.
type overview struct {
	Journeys []struct {
		Name, Mode, Version string
		Customers           int
		Stages              []struct {
			Name                       string
			Customers, Entered, Errors int
			OpenErrors                 int
		}
		Moves []struct {
			From, To string
			Count    int
		}
		Messages []struct {
			Name                          string
			Decided, Accepted, Suppressed int
		}
		Gone         bool
		PublishError *struct {
			File, Message string
			Line          int
		}
	}
	Messages []struct{ Ref, User, Name, State, Reason, Call string }
	Errors   []struct {
		Ref, File, User, Message string
		Line, Alike              int
	}
	Channels []struct {
		Channel, Connector, State string
		Pauses                    []struct{ Kind, By, Why string }
	}
}

func (s *server) overview() overview {
	s.t.Helper()
	var o overview
	if err := json.Unmarshal([]byte(s.must("GET", "/api/overview", nil)), &o); err != nil {
		s.t.Fatal(err)
	}
	return o
}

// stages returns how many customers are in each stage of a journey.
func (o overview) stages(journey string) map[string]int {
	counts := map[string]int{}
	for _, j := range o.Journeys {
		if j.Name == journey {
			for _, stage := range j.Stages {
				counts[stage.Name] = stage.Customers
			}
		}
	}
	return counts
}

// eventually waits for what the server does by itself.
func (s *server) eventually(what string, done func() bool) {
	s.t.Helper()
	for deadline := time.Now().Add(2 * time.Minute); !done(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			s.t.Fatalf("not within two minutes: %s", what)
		}
	}
}

// writeScripts puts files, given by path and content, into a scripts folder: each whole at once, for a server that looks at the
// folder must not see a file that has been made and holds nothing yet.
func writeScripts(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	aside := filepath.Join(t.TempDir(), "aside")
	for path, content := range files {
		target := filepath.Join(dir, filepath.FromSlash(path))
		err := os.MkdirAll(filepath.Dir(target), 0o755)
		if err == nil {
			err = os.WriteFile(aside, []byte(content), 0o644)
		}
		if err == nil {
			err = os.Rename(aside, target)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

func (s *server) setMode(journey string, mode lifecycle.Mode) {
	s.t.Helper()
	s.must("POST", "/api/journeys/"+journey+"/mode", map[string]string{"mode": string(mode)})
}
