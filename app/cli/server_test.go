//go:build unix

package cli_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// testKey is the write key of every server that these tests start.
const testKey = "test-write-key"

// showKey shows the write key where one is asked for. What the console does asks for none on this machine, and takes no key that
// may not do it.
func showKey(r *http.Request) {
	for _, path := range []string{"/v1/import", "/v1/inapp/", "/v1/moves", "/v1/send", "/v1/messages/", "/v1/consent", "/v1/batch", "/v1/track", "/v1/identify",
		"/v1/alias", "/v1/page", "/v1/screen", "/v1/group"} {
		if strings.HasPrefix(r.URL.Path, path) {
			r.SetBasicAuth(testKey, "")
			return
		}
	}
}

// readyWithin is how long a server may take to start before a test gives up; a busy machine takes its time.
const readyWithin = 3 * time.Minute

// TestMain removes what builtBinary made. The test binary is a connector too, see beFaulty.
func TestMain(m *testing.M) {
	if len(os.Args) == 3 && os.Args[1] == "faulty" {
		beFaulty(os.Args[2])
		return
	}
	code := m.Run()
	built.remove()
	os.Exit(code)
}

// built is the program of this test run.
var built buildOnce

// buildOnce builds the program when it is first asked for, and not again.
type buildOnce struct {
	once sync.Once
	file string
	err  error
}

// remove deletes the program, if somebody needed it. It cannot be built afterwards.
func (b *buildOnce) remove() {
	b.once.Do(func() {})
	if b.file != "" {
		os.RemoveAll(filepath.Dir(b.file))
	}
}

func (b *buildOnce) build() (string, error) {
	b.once.Do(func() {
		dir, err := os.MkdirTemp("", "stagecraft-test-")
		if err != nil {
			b.err = err
			return
		}
		b.file = filepath.Join(dir, "stagecraft")
		if out, err := exec.Command("go", "build", "-o", b.file, "stagecraft").CombinedOutput(); err != nil {
			b.err = fmt.Errorf("go build: %w\n%s", err, out)
		}
	})
	return b.file, b.err
}

// builtBinary returns the path of the real program.
func builtBinary(t testing.TB) string {
	t.Helper()
	path, err := built.build()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// serverProcess is a server in a process and a process group of its own. It may die at any moment.
type serverProcess struct {
	admin string // the admin key it was given, if any
	Data  string
	began time.Time
	cmd   *exec.Cmd
	log   *os.File // what it says on stderr
	ended chan struct{}
	state error // of Wait; read after ended

	mu      sync.Mutex
	address string
	console chan struct{} // closed when the address is known
}

// launchServer starts the program on a data folder and a scripts folder and returns at once.
func launchServer(program, data, scripts string, env ...string) (*serverProcess, error) {
	if err := os.MkdirAll(data, 0o700); err != nil {
		return nil, err
	}
	log, err := os.OpenFile(filepath.Join(data, "stderr.log"), os.O_CREATE|os.O_APPEND|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	p := &serverProcess{Data: data, log: log, ended: make(chan struct{}), console: make(chan struct{})}
	p.cmd = exec.Command(program, "serve", "--data", data, "--scripts", scripts, "--addr", "127.0.0.1:0")
	for _, setting := range os.Environ() { // ours only: those of whoever runs the tests are not for this server
		if !strings.HasPrefix(setting, "STAGECRAFT_") {
			p.cmd.Env = append(p.cmd.Env, setting)
		}
	}
	p.cmd.Env = append(append(p.cmd.Env, "STAGECRAFT_WRITE_KEY="+testKey), env...)
	p.cmd.Stderr = log
	p.cmd.SysProcAttr = ownGroup()
	stdout, err := p.cmd.StdoutPipe()
	if err != nil {
		log.Close()
		return nil, err
	}
	started := make(chan error)
	go func() {
		// The thread that starts the server is kept until it has ended: a test run that is killed takes its servers along.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		p.began = time.Now()
		err := p.cmd.Start()
		started <- err
		if err != nil {
			return
		}
		p.read(stdout)
		p.state = p.cmd.Wait()
		log.Close()
		close(p.ended)
	}()
	if err := <-started; err != nil {
		log.Close()
		return nil, err
	}
	return p, nil
}

// read finds the console's address in the first words of the program.
func (p *serverProcess) read(stdout io.Reader) {
	lines := bufio.NewScanner(stdout)
	for lines.Scan() {
		if _, address, ok := strings.Cut(lines.Text(), "Console    http://"); ok && p.addr() == "" {
			p.mu.Lock()
			p.address = strings.TrimSuffix(address, "/")
			p.mu.Unlock()
			close(p.console)
		}
	}
}

// addr returns host and port, or "" while they are not known.
func (p *serverProcess) addr() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.address
}

// ready waits until the server says that it is ready, and returns how long it took from its start.
func (p *serverProcess) ready() (time.Duration, error) {
	limit := time.NewTimer(readyWithin)
	defer limit.Stop()
	select {
	case <-p.console:
	case <-p.ended:
		return 0, fmt.Errorf("the server ended before it was ready: %v\n%s", p.state, p.lastWords())
	case <-limit.C:
		return 0, fmt.Errorf("the server printed no address within %s\n%s", readyWithin, p.lastWords())
	}
	for {
		answer, err := http.Get("http://" + p.addr() + "/readyz")
		if err == nil {
			answer.Body.Close()
			if answer.StatusCode == http.StatusOK {
				return time.Since(p.began), nil
			}
		}
		select {
		case <-p.ended:
			return 0, fmt.Errorf("the server ended before it was ready: %v\n%s", p.state, p.lastWords())
		case <-limit.C:
			return 0, fmt.Errorf("the server was not ready within %s: %v\n%s", readyWithin, err, p.lastWords())
		case <-time.After(time.Millisecond):
		}
	}
}

// lastWords returns the end of what the server wrote to stderr.
func (p *serverProcess) lastWords() string {
	text, _ := os.ReadFile(p.log.Name())
	return string(text[max(0, len(text)-4<<10):])
}

// kill ends the server as a power cut would, and only the server: its connectors are its own affair.
func (p *serverProcess) kill() {
	_ = p.cmd.Process.Kill()
	<-p.ended
}

// stop asks the server to end and waits for it.
func (p *serverProcess) stop() error {
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	select {
	case <-p.ended:
		if p.state != nil {
			return fmt.Errorf("the server did not end well: %w\n%s", p.state, p.lastWords())
		}
		return nil
	case <-time.After(2 * time.Minute):
		p.kill()
		return fmt.Errorf("the server did not end within two minutes of SIGTERM and was killed\n%s", p.lastWords())
	}
}

// startServer starts a server for a test, waits until it is ready and sees to its end.
func startServer(t testing.TB, data, scripts string, env ...string) *serverProcess {
	t.Helper()
	p, err := launchServer(builtBinary(t), data, scripts, env...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.kill)
	for _, setting := range env {
		if key, is := strings.CutPrefix(setting, "STAGECRAFT_ADMIN_KEY="); is {
			p.admin = key
		}
	}
	if _, err := p.ready(); err != nil {
		t.Fatal(err)
	}
	return p
}

// call makes a request as the console does and decodes the answer into target, if there is one.
func (p *serverProcess) call(method, path string, body, target any) error {
	var payload io.Reader
	if body != nil {
		data, err := json.Marshal(body)
		if err != nil {
			return err
		}
		payload = bytes.NewReader(data)
	}
	request, err := http.NewRequest(method, "http://"+p.addr()+path, payload)
	if err != nil {
		return err
	}
	request.Header.Set("X-Stagecraft", "test")
	if showKey(request); p.admin != "" && request.Header.Get("Authorization") == "" {
		request.SetBasicAuth("", p.admin)
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		return err
	}
	if answer.StatusCode/100 != 2 {
		return fmt.Errorf("%s %s: %s: %s", method, path, answer.Status, text)
	}
	if target == nil {
		return nil
	}
	return json.Unmarshal(text, target)
}

// live switches a journey on.
func (p *serverProcess) live(t testing.TB, journey string) {
	t.Helper()
	if err := p.call("POST", "/api/journeys/"+journey+"/mode", map[string]string{"mode": "live"}, nil); err != nil {
		t.Fatal(err)
	}
}

// shown is what these tests read of GET /api/overview.
type shown struct {
	Journeys []shownJourney `json:"journeys"`
	Errors   []struct {
		Ref     string `json:"ref"`
		File    string `json:"file"`
		Line    int    `json:"line"`
		Message string `json:"message"`
		User    string `json:"user"`
	} `json:"errors"`
	Channels []struct {
		Channel string `json:"channel"`
		State   string `json:"state"`
		PID     int    `json:"pid"`
	} `json:"channels"`
	InDoubt int64 `json:"inDoubt"`
}

type shownJourney struct {
	Name      string `json:"name"`
	Version   string `json:"version"`
	Customers int64  `json:"customers"`
	Refused   int64  `json:"refused"`
	Stages    []struct {
		Name      string `json:"name"`
		Customers int64  `json:"customers"`
		Entered   int64  `json:"entered"`
		Converted int64  `json:"converted"`
		Errors    int64  `json:"errors"`
	} `json:"stages"`
	Moves []struct {
		From  string `json:"from"`
		To    string `json:"to"`
		Count int64  `json:"count"`
	} `json:"moves"`
	Messages []struct {
		Name       string `json:"name"`
		Decided    int64  `json:"decided"`
		Accepted   int64  `json:"accepted"`
		Failed     int64  `json:"failed"`
		Suppressed int64  `json:"suppressed"`
		Queued     int64  `json:"queued"`
	} `json:"messages"`
}

func (p *serverProcess) overview() (shown, error) {
	var o shown
	return o, p.call("GET", "/api/overview", nil, &o)
}

func (o *shown) journey(name string) shownJourney {
	for _, j := range o.Journeys {
		if j.Name == name {
			return j
		}
	}
	return shownJourney{}
}

// message returns how many of a message were decided, accepted and still wait, and how many ended in another way.
func (j shownJourney) message(name string) (decided, accepted, queued, other int64) {
	for _, m := range j.Messages {
		if m.Name == name {
			return m.Decided, m.Accepted, m.Queued, m.Failed + m.Suppressed
		}
	}
	return 0, 0, 0, 0
}

// metrics returns the samples of GET /metrics that have no labels.
func (p *serverProcess) metrics() (map[string]float64, error) {
	request, err := http.NewRequest("GET", "http://"+p.addr()+"/metrics", nil)
	if err != nil {
		return nil, err
	}
	if p.admin != "" {
		request.SetBasicAuth("", p.admin)
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	samples := map[string]float64{}
	lines := bufio.NewScanner(answer.Body)
	for lines.Scan() {
		name, text, ok := strings.Cut(lines.Text(), " ")
		if value, err := strconv.ParseFloat(text, 64); ok && err == nil {
			samples[name] = value
		}
	}
	return samples, lines.Err()
}

// logged is a line of the log connector.
type logged struct {
	Time    time.Time `json:"time"`
	ID      string    `json:"id"`
	To      string    `json:"to"`
	Subject string    `json:"subject"`
}

// readMail calls take for every message that the log connector has written, in order.
func readMail(data string, take func(logged) error) error {
	files, err := filepath.Glob(filepath.Join(data, "mail", "*.ndjson"))
	if err != nil {
		return err
	}
	for _, name := range files {
		file, err := os.Open(name)
		if err != nil {
			return err
		}
		decoder := json.NewDecoder(bufio.NewReaderSize(file, 1<<20))
		for {
			var line logged
			if err = decoder.Decode(&line); err != nil {
				break
			}
			if err = take(line); err != nil {
				break
			}
		}
		file.Close()
		if !errors.Is(err, io.EOF) {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

// writeFiles writes a scripts folder: each file whole at once, for a server that looks at it must not see one that has been
// made and holds nothing yet.
func writeFiles(t testing.TB, dir string, files map[string]string) {
	t.Helper()
	aside := filepath.Join(t.TempDir(), "aside")
	for name, text := range files {
		path := filepath.Join(dir, filepath.FromSlash(name))
		err := os.MkdirAll(filepath.Dir(path), 0o755)
		if err == nil {
			err = os.WriteFile(aside, []byte(text), 0o644)
		}
		if err == nil {
			err = os.Rename(aside, path)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// wire is one keep-alive connection that sends requests made beforehand, so that the sender takes little of the machine
// from the server it measures.
type wire struct {
	conn   net.Conn
	reader *bufio.Reader
}

func dialWire(address string) (*wire, error) {
	conn, err := net.DialTimeout("tcp", address, time.Minute)
	if err != nil {
		return nil, err
	}
	return &wire{conn, bufio.NewReaderSize(conn, 4<<10)}, nil
}

func (w *wire) close() { w.conn.Close() }

// post sends a whole request and returns the status of the answer.
func (w *wire) post(request []byte) (status int, err error) {
	_ = w.conn.SetDeadline(time.Now().Add(2 * time.Minute))
	if _, err = w.conn.Write(request); err != nil {
		return 0, err
	}
	length := 0
	for first := true; ; first = false {
		line, err := w.reader.ReadSlice('\n')
		if err != nil {
			return 0, err
		}
		if line = bytes.TrimRight(line, "\r\n"); len(line) == 0 {
			break
		}
		if first {
			if len(line) < 12 {
				return 0, fmt.Errorf("not an HTTP answer: %q", line)
			}
			status, err = strconv.Atoi(string(line[9:12]))
		} else if name, value, _ := bytes.Cut(line, []byte(":")); bytes.EqualFold(name, []byte("Content-Length")) {
			length, err = strconv.Atoi(string(bytes.TrimSpace(value)))
		}
		if err != nil {
			return 0, err
		}
	}
	_, err = w.reader.Discard(length)
	return status, err
}

// basicTestKey is testKey as HTTP Basic authentication sends it.
const basicTestKey = "Basic dGVzdC13cml0ZS1rZXk6"

// request makes the bytes of a POST.
func request(path string, body []byte) []byte {
	head := fmt.Sprintf("POST %s HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n",
		path, basicTestKey, len(body))
	return append([]byte(head), body...)
}
