//go:build unix

package cli_test

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// importScripts is a journey whose stages have what usually comes with one: a silence, and messages that an import must
// not send.
var importScripts = map[string]string{
	"bench/journey.lua": `journey { title = "Bench", stages = { "member", "active", "lost" }, moves = { member = { "active", "lost" }, active = { "lost" }, lost = { "active" } } }`,
	"bench/member.lua": `stage { title = "Member" }
enter(function() send "hello" end)
idle("Order Completed", "180 days", function() move "lost" end)
`,
	"bench/active.lua": `stage { title = "Active" }
enter(function() send "hello" end)
idle("Order Completed", "180 days", function() move "lost" end)
`,
	"bench/lost.lua": `stage { title = "Lost" }
on("Order Completed", function() move "active" end)
`,
	"bench/messages/hello.email.liquid": "---\nsubject: Hello\n---\nHello\n",
}

// TestBenchImport moves customers in from a file, with stages, consent and tags, into an empty server, once more to see
// what a resumption costs, and out again. It prints and never judges.
func TestBenchImport(t *testing.T) {
	if os.Getenv("STAGECRAFT_BENCH") == "" || !benchOnly("import") {
		t.Skip("set STAGECRAFT_BENCH=1 and, to run nothing else, STAGECRAFT_BENCH_ONLY=import")
	}
	program, rows := builtBinary(t), benchScale(1_000_000)
	dir := t.TempDir()
	scripts, list := filepath.Join(dir, "scripts"), filepath.Join(dir, "customers.csv")
	writeFiles(t, scripts, importScripts)
	writeCustomers(t, list, rows)
	server := startServer(t, filepath.Join(dir, "data"), scripts)
	server.live(t, "bench")
	pid := server.cmd.Process.Pid

	measure := func(name string, args ...string) {
		before, peak, held := cpuSeconds(pid), 0.0, 0.0
		verb := exec.Command(program, append(args, "--server", "http://"+server.addr())...)
		verb.Stderr = os.Stderr
		began := time.Now()
		if err := verb.Start(); err != nil {
			t.Fatal(err)
		}
		ended := make(chan error, 1)
		go func() { ended <- verb.Wait() }()
		own := 0.0
		for running := true; running; {
			select {
			case err := <-ended:
				if err != nil {
					t.Fatal(name, err)
				}
				running = false
			case <-time.After(100 * time.Millisecond):
				peak, held = max(peak, residentMB(pid)), max(held, anonymousMB(pid))
				own = max(own, residentMB(verb.Process.Pid))
			}
		}
		took, served := time.Since(began), cpuSeconds(pid)-before
		used := verb.ProcessState.UserTime().Seconds() + verb.ProcessState.SystemTime().Seconds()
		t.Logf("%-14s %d rows in %.1f s, %.0f/s; CPU per row: server %.1f µs, verb %.1f µs; memory at most: server %.0f MB (%.0f without mapped files), verb %.0f MB",
			name+":", rows, took.Seconds(), float64(rows)/took.Seconds(), served/float64(rows)*1e6, used/float64(rows)*1e6, peak, held, own)
	}
	move := []string{"import", list, "--key", testKey, "--place", "stage", "--journey", "bench", "--since", "since",
		"--map", "userId=id", "--map", "email=email", "--map", "traits.first_name=name", "--map", "traits.plan=plan",
		"--map", "created=created", "--map", "tags=tags", "--map", "status=status"}
	measure("import", move...)
	measure("once more", move...)
	measure("export", "export", "customers", "--format", "csv", "--out", filepath.Join(dir, "out.csv"))
	if o, err := server.overview(); err != nil {
		t.Fatal(err)
	} else if j := o.journey("bench"); j.Customers != int64(rows) {
		t.Errorf("%d customers are in the journey, want %d", j.Customers, rows)
	}
	if err := server.stop(); err != nil {
		t.Fatal(err)
	}
}

// writeCustomers writes a list as another tool exports it.
func writeCustomers(t *testing.T, path string, rows int) {
	t.Helper()
	file, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	w := bufio.NewWriter(file)
	fmt.Fprintln(w, "id,email,name,plan,created,tags,status,stage,since")
	stages, states := []string{"member", "active", "lost"}, []string{"subscribed", "subscribed", "subscribed", "unsubscribed", "cleaned"}
	for i := range rows {
		fmt.Fprintf(w, "c%07d,customer-%d@example.com,Ada %d,basic,2024-%02d-%02d,\"vip, spring %d\",%s,%s,2025-%02d-%02d\n",
			i, i, i%977, i%12+1, i%28+1, i%4, states[i%5], stages[i%3], i%12+1, i%28+1)
	}
	if err = w.Flush(); err != nil {
		t.Fatal(err)
	}
}
