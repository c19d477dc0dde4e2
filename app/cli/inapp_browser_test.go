//go:build unix

package cli_test

import (
	"fmt"
	"html"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// TestInAppInABrowser runs the script of in-app messages in a page of a shop, whose server allows its pages nothing but
// this script and what it asks for.
func TestInAppInABrowser(t *testing.T) {
	chromium, npm := findBrowser(t)
	var stagecraft string
	shop := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.Header().Set("Content-Security-Policy", fmt.Sprintf("default-src 'none'; script-src %s; connect-src %s; img-src data:", stagecraft, stagecraft))
		fmt.Fprintf(w, `<!doctype html><html lang="%s"><meta name="color-scheme" content="light dark"><link rel="icon" href="data:,"><title>Shop</title><h1>Shop</h1>
<script src="%s/inapp.js" data-token="%s" defer></script></html>`, html.EscapeString(r.FormValue("lang")), stagecraft, html.EscapeString(r.FormValue("token")))
	}))
	defer shop.Close()
	scripts := t.TempDir()
	writeFiles(t, filepath.Join(scripts, "welcome"), map[string]string{
		"journey.lua": "journey { title = \"Welcome\", stages = { \"new\" } }\n",
		"new.lua":     "stage { title = \"New\" }\n\non(\"Signed Up\", function() send \"welcome\" end)\non(\"Order Completed\", function() send \"thanks\" end)\n",
		"messages/welcome.inapp.liquid": "---\ntitle: Welcome, {{ customer.traits.name }}\nurl: /tour\nbutton: Take the tour\nkind: transactional\n---\n" +
			"Good to see you.\n<b>This</b> & that is text.\n",
		"messages/thanks.inapp.liquid": "---\ntitle: Thank you\nkind: transactional\n---\nYour order is on its way.\n",
	})
	server, err := launchServer(builtBinary(t), t.TempDir(), scripts, "STAGECRAFT_INAPP_ORIGINS="+shop.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer server.stop()
	if _, err = server.ready(); err != nil {
		t.Fatal(err)
	}
	stagecraft = "http://" + server.addr()
	shots := os.Getenv("STAGECRAFT_SHOTS")
	if shots == "" {
		shots = t.TempDir()
	}
	command := exec.Command(npm, "run", "test:browser", "--", "test/inapp.test.ts")
	command.Dir = "../../assets"
	command.Env = append(os.Environ(), "STAGECRAFT_URL="+stagecraft, "STAGECRAFT_WRITE_KEY="+testKey, "STAGECRAFT_SHOP="+shop.URL,
		"STAGECRAFT_SHOTS="+shots, "STAGECRAFT_CHROMIUM="+chromium, "NO_COLOR=1")
	output, err := command.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s\n%s", err, output, server.lastWords())
	}
	t.Logf("%s", output)
}
