package config_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"stagecraft/app/config"

	"github.com/alecthomas/kong"
)

type program struct {
	Serve  struct{ config.Config } `cmd:""`
	Import struct {
		Data string `name:"data" default:"elsewhere"`
	} `cmd:""`
}

func parse(t *testing.T, args ...string) (config.Config, error) {
	t.Helper()
	var p program
	parser, err := kong.New(&p, kong.Name("stagecraft"), kong.Exit(func(int) { t.Fatal("the parser wanted to exit") }))
	if err != nil {
		t.Fatal(err)
	}
	_, err = parser.Parse(append([]string{"serve"}, args...))
	return p.Serve.Config, err
}

func write(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "settings.json")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestDefaultsAreComplete(t *testing.T) {
	t.Chdir(t.TempDir())
	c, err := parse(t)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Check(); err != nil {
		t.Fatal(err)
	}
	if c.Data != "stagecraft-data" || c.Addr != "127.0.0.1:8080" || c.PublicURL != "http://127.0.0.1:8080" ||
		c.Scripts != filepath.Join("stagecraft-data", "scripts") || c.MaxPending != 16384 || c.MemoryLimit != 0 ||
		c.Timezone != "UTC" || c.TestAddress != "" || c.PublishLimit != 1000 || len(c.WebhookAllow) != 0 {
		t.Errorf("defaults are %s", c)
	}
	if c.SMTP.Enabled() || !c.Loopback() {
		t.Errorf("mail %v, loopback %v", c.SMTP.Enabled(), c.Loopback())
	}
	if err := c.Check(); err != nil {
		t.Errorf("a second check: %v", err)
	}
}

func TestPrecedence(t *testing.T) {
	file := write(t, `{"data": "from-file", "addr": "127.0.0.1:1", "max_pending": 100000, "smtp": {"host": "file.example", "port": "2525"}}`)
	t.Setenv("STAGECRAFT_DATA", "from-env")
	t.Setenv("STAGECRAFT_ADDR", "127.0.0.1:2")
	t.Setenv("STAGECRAFT_SMTP_HOST", "env.example")
	c, err := parse(t, "--config", file, "--data", "from-flag")
	if err != nil {
		t.Fatal(err)
	}
	for _, check := range []struct {
		what      string
		got, want any
	}{
		{"flag over environment and file", c.Data, "from-flag"},
		{"environment over file", c.Addr, "127.0.0.1:2"},
		{"environment over a group in the file", c.SMTP.Host, "env.example"},
		{"file over default", c.MaxPending, 100000},
		{"a number as text in the file", c.SMTP.Port, 2525},
		{"default", c.LogLevel, "info"},
	} {
		if check.got != check.want {
			t.Errorf("%s: %v, want %v", check.what, check.got, check.want)
		}
	}
}

func TestFileByEnvironmentLeavesOtherCommandsAlone(t *testing.T) {
	t.Setenv("STAGECRAFT_CONFIG", write(t, `{"data": "from-file"}`))
	c, err := parse(t)
	if err != nil || c.Data != "from-file" {
		t.Errorf("data %q, error %v", c.Data, err)
	}
	t.Setenv("STAGECRAFT_CONFIG", filepath.Join(t.TempDir(), "missing.json"))
	if _, err := parse(t); err == nil || !strings.Contains(err.Error(), "missing.json") {
		t.Errorf("a missing file: %v", err)
	}
	var p program
	parser, err := kong.New(&p)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := parser.Parse([]string{"import"}); err != nil || p.Import.Data != "elsewhere" {
		t.Errorf("import: data %q, error %v", p.Import.Data, err)
	}
}

func TestBadFiles(t *testing.T) {
	for text, want := range map[string]string{
		`{"adr": "x"}`:                              `did you mean "addr"`,
		`{"smtp": {"hots": "x"}}`:                   `did you mean "smtp-host"`,
		`{"something-else-entirely": true}`:         "see --help",
		"{\n\"addr\": oops}":                        "line 2 is not JSON",
		`["addr"]`:                                  "one JSON object",
		`"s3cret-password"`:                         "one JSON object",
		`{"addr": "a:1"} {}`:                        "behind the JSON object",
		`{"addr": ["a:1"]}`:                         `"addr" must be a text`,
		`{"smtp-host": "a", "smtp": {"host": "b"}}`: "set twice",
		`{"max-pending": "many"}`:                   "max-pending",
		`{"max-pending": 100.5}`:                    "max-pending",
	} {
		_, err := parse(t, "--config", write(t, text))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want one with %q", text, err, want)
		}
		if err != nil && strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%s: the error shows a value: %v", text, err)
		}
	}
}

func TestCheckReportsEverythingAtOnce(t *testing.T) {
	folder := t.TempDir()
	file := filepath.Join(folder, "file")
	if err := os.WriteFile(file, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, bad := range []struct {
		args  []string
		flags []string
	}{
		{[]string{"--addr=8080"}, []string{"--addr"}},
		{[]string{"--addr=:99999"}, []string{"--addr"}},
		{[]string{"--addr=http://localhost:80"}, []string{"--addr"}},
		{[]string{"--public-url=shop.example"}, []string{"--public-url"}},
		{[]string{"--public-url=ftp://shop.example"}, []string{"--public-url"}},
		{[]string{"--public-url=https://u:p@shop.example"}, []string{"--public-url"}},
		{[]string{"--public-url=https://shop.example?x=1"}, []string{"--public-url"}},
		{[]string{"--data=" + file}, []string{"--data", "--scripts"}},
		{[]string{"--data=" + filepath.Join(file, "below")}, []string{"--data", "--scripts"}},
		{[]string{"--scripts=" + file}, []string{"--scripts"}},
		{[]string{"--data=x", "--scripts=x"}, []string{"--scripts"}},
		{[]string{"--write-key=a b"}, []string{"--write-key"}},
		{[]string{"--write-key=same", "--browser-key=same"}, []string{"--browser-key"}},
		{[]string{"--write-key=same", "--admin-key=same"}, []string{"--admin-key"}},
		{[]string{"--timezone=Europe/Atlantis"}, []string{"--timezone"}},
		{[]string{"--timezone=Local"}, []string{"--timezone"}},
		{[]string{"--timezone=../../etc/passwd"}, []string{"--timezone"}},
		{[]string{"--test-address=nobody"}, []string{"--test-address"}},
		{[]string{"--test-address=Tests <tests@shop.example>"}, []string{"--test-address"}},
		{[]string{"--publish-limit=-1"}, []string{"--publish-limit"}},
		{[]string{"--webhook-allow=http://hooks.local"}, []string{"--webhook-allow"}},
		{[]string{"--inapp-origins=shop.example"}, []string{"--inapp-origins"}},
		{[]string{"--inapp-origins=https://shop.example/cart"}, []string{"--inapp-origins"}},
		{[]string{"--inapp-origins=https://*.shop.example"}, []string{"--inapp-origins"}},
		{[]string{"--smtp-host=mail.example"}, []string{"--smtp-from"}},
		{[]string{"--smtp-host=mail.example:25", "--smtp-from=a@b.example"}, []string{"--smtp-host"}},
		{[]string{"--smtp-from=a@b.example"}, []string{"--smtp-host"}},
		{[]string{"--smtp-host=mail.example", "--smtp-from=nobody"}, []string{"--smtp-from"}},
		{[]string{"--smtp-host=m.example", "--smtp-from=a@b.example", "--smtp-username=u"}, []string{"--smtp-password"}},
		{[]string{"--smtp-host=m.example", "--smtp-from=a@b.example", "--smtp-password=p"}, []string{"--smtp-username"}},
		{[]string{"--smtp-host=m.example", "--smtp-from=a@b.example", "--smtp-username=u", "--smtp-password=p", "--smtp-security=none"}, []string{"--smtp-security"}},
		{[]string{"--smtp-security=ssl"}, []string{"--smtp-security"}},
		{[]string{"--smtp-port=70000"}, []string{"--smtp-port"}},
		{[]string{"--smtp-connections=0"}, []string{"--smtp-connections"}},
		{[]string{"--calling-code=+84"}, []string{"--calling-code"}},
		{[]string{"--smtp-host=m.example", "--smtp-from=a@b.example", "--smtp-ca-file=" + file}, []string{"--smtp-ca-file"}},
		{[]string{"--log-level=loud", "--log-format=xml", "--max-pending=1", "--memory-limit=5", "--addr=x", "--smtp-security=y"},
			[]string{"--addr", "--smtp-security", "--log-level", "--log-format", "--max-pending", "--memory-limit"}},
	} {
		t.Run(strings.Join(bad.args, " "), func(t *testing.T) {
			t.Chdir(t.TempDir())
			c, err := parse(t, bad.args...)
			if err != nil {
				t.Fatal(err)
			}
			problems, _ := c.Check().(config.Problems)
			var flags []string
			for _, problem := range problems {
				flags = append(flags, problem.Flag)
				if problem.Message == "" {
					t.Errorf("%s has no message", problem.Flag)
				}
			}
			if fmt.Sprint(flags) != fmt.Sprint(bad.flags) {
				t.Errorf("problems with %v, want %v:\n%v", flags, bad.flags, problems)
			}
		})
	}
}

func TestGoodCombinations(t *testing.T) {
	for _, args := range [][]string{
		{"--addr=:0"},
		{"--addr=[::1]:8080", "--public-url=https://mail.shop.example/"},
		{"--smtp-host=127.0.0.1", "--smtp-port=2525", "--smtp-security=none", "--smtp-from=Shop <a@b.example>", "--smtp-username=u", "--smtp-password=p"},
		{"--smtp-host=mail.example", "--smtp-security=tls", "--smtp-from=a@b.example"},
		{"--timezone=Asia/Ho_Chi_Minh", "--test-address=tests@shop.example", "--publish-limit=0", "--webhook-allow=localhost,10.0.0.7"},
	} {
		t.Chdir(t.TempDir())
		c, err := parse(t, args...)
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Check(); err != nil {
			t.Errorf("%v: %v", args, err)
		}
		if c.SMTP.Security == "tls" && c.SMTP.Port != 465 {
			t.Errorf("port of tls is %d", c.SMTP.Port)
		}
		if strings.HasSuffix(c.PublicURL, "/") {
			t.Errorf("public URL %q keeps its slash", c.PublicURL)
		}
	}
}

func TestZone(t *testing.T) {
	for _, name := range []string{"UTC", "Europe/Paris", "Asia/Ho_Chi_Minh"} {
		c, err := parse(t, "--timezone="+name)
		if err != nil || c.Zone().String() != name {
			t.Errorf("%s: %s, %v", name, c.Zone(), err)
		}
	}
	for _, name := range []string{"", "Local", "Europe/Atlantis"} {
		if zone := (config.Config{Timezone: name}).Zone(); zone != time.UTC {
			t.Errorf("%q: %s", name, zone)
		}
	}
}

func TestWebhookHostsFromTheFile(t *testing.T) {
	c, err := parse(t, "--config", write(t, `{"webhook-allow": "localhost,10.0.0.7", "timezone": "Europe/Paris", "publish_limit": 5}`))
	if err != nil || fmt.Sprint(c.WebhookAllow) != "[localhost 10.0.0.7]" || c.Timezone != "Europe/Paris" || c.PublishLimit != 5 {
		t.Errorf("%s, %v", c, err)
	}
}

func TestInAppOrigins(t *testing.T) {
	c, err := parse(t, "--inapp-origins", "https://Shop.example/, http://localhost:3000,https://www.shop.example:443")
	if err == nil {
		err = c.Check()
	}
	if err != nil || fmt.Sprint(c.InAppOrigins) != "[https://shop.example http://localhost:3000 https://www.shop.example]" {
		t.Errorf("%s, %v", c.InAppOrigins, err)
	}
}

func TestURLOfAndLoopback(t *testing.T) {
	for _, check := range []struct {
		addr, url string
		loopback  bool
	}{
		{"127.0.0.1:8080", "http://127.0.0.1:8080", true},
		{"[::1]:80", "http://[::1]:80", true},
		{"localhost:80", "http://localhost:80", true},
		{":8080", "http://localhost:8080", false},
		{"0.0.0.0:8080", "http://localhost:8080", false},
		{"[::]:8080", "http://localhost:8080", false},
		{"shop.example:8080", "http://shop.example:8080", false},
		{"127.0.0.1:0", "", true},
		{"nonsense", "", false},
	} {
		c := config.Config{Addr: check.addr}
		if got := config.URLOf(check.addr); got != check.url || c.Loopback() != check.loopback {
			t.Errorf("%s: %q, loopback %v", check.addr, got, c.Loopback())
		}
	}
}

// A server whose customers reach it under another name stands behind a proxy: whoever comes through it is not on the machine.
func TestKeyless(t *testing.T) {
	for _, check := range []struct {
		addr, public string
		admin        config.Secret
		keyless      bool
	}{
		{"127.0.0.1:8080", "", "", true},
		{"127.0.0.1:8080", "http://localhost:9000", "", true},
		{"127.0.0.1:8080", "http://[::1]:9000/crm", "", true},
		{"127.0.0.1:8080", "https://crm.shop.example", "", false},
		{"127.0.0.1:8080", "http://10.0.0.7:8080", "", false},
		{"127.0.0.1:8080", "", "k", false},
		{"0.0.0.0:8080", "http://localhost:8080", "", false},
	} {
		c := config.Config{Addr: check.addr, PublicURL: check.public, AdminKey: check.admin}
		if c.Keyless() != check.keyless {
			t.Errorf("%+v: keyless %v", check, c.Keyless())
		}
	}
}

func TestSecretsNeverShow(t *testing.T) {
	c, err := parse(t, "--write-key=hush-write", "--admin-key=hush-admin", "--smtp-password=hush-mail")
	if err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "config", c, "key", c.WriteKey)
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "config", c, "smtp", c.SMTP)
	encoded, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	all := c.String() + fmt.Sprintf("%v %+v %#v %q %x", c, c, c, c.WriteKey, c.SMTP.Password) + fmt.Sprintf("%#v %+v %v", c.SMTP, &c, c.SMTP) + log.String() + string(encoded)
	if strings.Contains(all, "hush") || strings.Contains(all, fmt.Sprintf("%x", "hush")) {
		t.Errorf("a secret shows in %s", all)
	}
	if c.WriteKey.Reveal() != "hush-write" || c.WriteKey.String() != "(set)" || c.SMTP.Password.Reveal() != "hush-mail" {
		t.Error("a secret is lost")
	}
}

func TestHelpListsEverySetting(t *testing.T) {
	var p program
	var out bytes.Buffer
	parser, err := kong.New(&p, kong.Name("stagecraft"), kong.Writers(&out, &out), kong.Exit(func(int) {}))
	if err != nil {
		t.Fatal(err)
	}
	_, _ = parser.Parse([]string{"serve", "--help"})
	help := strings.Join(strings.Fields(out.String()), " ")
	count := 0
	for _, node := range parser.Model.Children {
		if node.Name != "serve" {
			continue
		}
		for _, flag := range node.Flags {
			count++
			if !strings.Contains(help, "--"+flag.Name) {
				t.Errorf("--%s is not in the help", flag.Name)
			}
			env := "STAGECRAFT_" + strings.ToUpper(strings.ReplaceAll(flag.Name, "-", "_"))
			if len(flag.Envs) != 1 || flag.Envs[0] != env || !strings.Contains(help, env) {
				t.Errorf("--%s: environment %v, want %s in the help", flag.Name, flag.Envs, env)
			}
			if flag.Name != "config" && !strings.Contains(flag.Help, "Default: ") {
				t.Errorf("--%s does not say its default", flag.Name)
			}
			if flag.HasDefault && !strings.Contains(flag.Help, "Default: "+flag.Default) {
				t.Errorf("--%s: the help says another default than %q", flag.Name, flag.Default)
			}
		}
	}
	if count < 30 {
		t.Errorf("%d settings; did one get lost?", count)
	}
}

func FuzzFile(f *testing.F) {
	for _, seed := range []string{`{"addr":"a:1"}`, `{"smtp":{"host":"x","port":25}}`, `{"smtp":{"smtp":{"smtp":1}}}`, `[]`, `{"addr":null}`, `{`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		c, err := parse(t, "--config", write(t, text))
		if err == nil {
			_ = c.Check()
		}
	})
}
