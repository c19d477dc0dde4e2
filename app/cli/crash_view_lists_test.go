//go:build linux

package cli_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"stagecraft/app/lifecycle"
)

var crashConfirm = regexp.MustCompile(`/y/[A-Za-z0-9_-]+`)

// ask sends forms whose address is to be confirmed, and confirms most of them with the link that comes by mail.
func (v *crashView) ask(_ int, random *rand.Rand) error {
	data, err := os.ReadFile(filepath.Join(v.data, "keys.json"))
	var keys struct{ Links string }
	if err != nil || json.Unmarshal(data, &keys) != nil {
		return fmt.Errorf("keys.json cannot be read: %w", err)
	}
	links := lifecycle.NewLinks([]byte(keys.Links), "")
	mail := crashMail{dir: filepath.Join(v.data, "mail"), read: map[string]int64{}}
	asked := map[string]string{} // by address: the link
	sent := 0
	confirm := func() error {
		if err := mail.each(func(to, text string) {
			if link := crashConfirm.FindString(text); link != "" && strings.Contains(to, "@form.example") {
				asked[strings.Trim(to, "<>")] = link
			}
		}); err != nil {
			return err
		}
		for address, link := range asked {
			delete(asked, address)
			if strings.HasPrefix(address, "never") {
				v.mu.Lock()
				v.open++
				v.mu.Unlock()
				continue
			}
			for range 1 + random.IntN(2) { // who is not sure presses the button again
				if err := v.line.post(link, nil); err != nil {
					return err
				}
			}
			subscriber := "anonymous:" + links.Subscriber(address)
			v.add("forms", &crashPerson{names: []string{subscriber, "email:" + address}, more: 1, yes: true})
			v.mu.Lock()
			v.forms++
			v.mu.Unlock()
		}
		return nil
	}
	for !v.stop.Load() {
		address := fmt.Sprintf("form%d@form.example", sent)
		if sent%4 == 0 {
			address = fmt.Sprintf("never%d@form.example", sent)
		}
		sent++
		answers := map[string]any{"email": address, "news": true, "_shown": links.Shown("guide", time.Now().Add(-time.Minute))}
		for range 1 + random.IntN(2) { // a button that is pressed twice
			if err := v.line.post("/f/guide", answers); err != nil {
				return err
			}
		}
		if err := confirm(); err != nil {
			return err
		}
		time.Sleep(time.Duration(random.IntN(60)) * time.Millisecond)
	}
	for began := time.Now(); v.formsDone() < sent; time.Sleep(20 * time.Millisecond) {
		if err := confirm(); err != nil {
			return err
		}
		if time.Since(began) > 3*time.Minute {
			return fmt.Errorf("%d forms were sent, and %d addresses were asked within three minutes", sent, v.formsDone())
		}
	}
	return nil
}

func (v *crashView) formsDone() int {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.forms + v.open
}

// crashMail reads on in the files of the log connector.
type crashMail struct {
	dir  string
	read map[string]int64
}

func (m *crashMail) each(take func(to, text string)) error {
	files, err := filepath.Glob(filepath.Join(m.dir, "*.ndjson"))
	if err != nil {
		return err
	}
	for _, name := range files {
		file, err := os.Open(name)
		if err != nil {
			return err
		}
		if info, err := file.Stat(); err == nil && info.Size() < m.read[name] {
			m.read[name] = 0 // it was written anew, without somebody
		}
		if _, err = file.Seek(m.read[name], io.SeekStart); err != nil {
			file.Close()
			return err
		}
		for lines := bufio.NewReader(file); ; {
			line, err := lines.ReadBytes('\n')
			if err != nil {
				break // half a line is read again
			}
			m.read[name] += int64(len(line))
			var row struct{ To string }
			if json.Unmarshal(line, &row) == nil {
				take(row.To, string(line))
			}
		}
		file.Close()
	}
	return nil
}

// crashBulk is a bulk that has ended, and what it must have done.
type crashBulk struct {
	name          string
	done, refused int64
}

// herd moves many at once, over and over, some of whom may not be moved, and takes them out again.
func (v *crashView) herd(chore int, random *rand.Rand) error {
	k := &crashTalk{crashView: v, chore: chore, Rand: random}
	const heads, rate = 60, 80
	for n := 0; !v.stop.Load(); n++ {
		var people []*crashPerson
		var list []string
		var batch []map[string]any
		var stuck int64
		for i := range heads {
			user := fmt.Sprintf("herd%d-%d", n, i)
			p := &crashPerson{names: []string{"user:" + user}, facts: map[string]int{"moved herd waiting done": 1, "scored done": 1, "exited herd done": 1}}
			events := []string{"Join"}
			if i%5 == 0 {
				events, stuck = append(events, "Stick"), stuck+1
				p.facts = map[string]int{"moved herd waiting stuck": 1, "refused herd stuck done": 1, "exited herd stuck": 1}
			}
			for _, event := range events {
				id := k.id()
				batch = append(batch, map[string]any{"type": "track", "event": event, "userId": user, "messageId": id})
				p.events = append(p.events, id)
			}
			people, list = append(people, p), append(list, user)
		}
		if err := v.line.post("/v1/batch", map[string]any{"batch": batch}); err != nil {
			return err
		}
		for _, b := range []struct {
			crashBulk
			act, to string
		}{{crashBulk{fmt.Sprintf("move-%d", n), heads - stuck, stuck}, "move", "done"}, {crashBulk{fmt.Sprintf("out-%d", n), heads, 0}, "exit", ""}} {
			definition := map[string]any{"title": b.name, "act": b.act, "journey": "herd", "to": b.to, "rate": rate, "audience": map[string]any{"list": true}}
			if err := v.bulk(b.crashBulk, definition, list); err != nil {
				return err
			}
		}
		v.add("herds", people...)
	}
	return nil
}

// bulk keeps, starts and awaits a bulk.
func (v *crashView) bulk(b crashBulk, definition map[string]any, list []string) error {
	path := "/api/bulks/" + b.name
	if _, _, _, err := v.line.do("PUT", path, definition); err != nil {
		return err
	}
	if err := v.line.post(path+"/list", list); err != nil {
		return err
	}
	if _, _, again, err := v.line.do("POST", path+"/start", map[string]any{}); err != nil && (again < 2 || !errors.Is(err, errCrashRefused)) {
		return err // one that was begun already is not begun again, and says so
	}
	for began := time.Now(); ; time.Sleep(20 * time.Millisecond) {
		answer, _, _, err := v.line.do("GET", path, nil)
		if err != nil {
			return err
		}
		var is struct {
			Status   string
			Progress struct{ Done, Refused, Same, Gone, Sent int64 }
		}
		if err = json.Unmarshal(answer, &is); err != nil {
			return err
		}
		if is.Status == "done" {
			v.mu.Lock()
			v.bulks = append(v.bulks, b)
			v.counts["bulks"]++
			v.mu.Unlock()
			return nil
		}
		if time.Since(began) > 3*time.Minute {
			return fmt.Errorf("bulk %s is not over within three minutes: %s", b.name, answer)
		}
	}
}

var crashImported = regexp.MustCompile(`(\d+) accepted, (\d+) duplicates, (\d+) rejected`)

// moveIn imports customers with the verb, which is ended with the server and run again until it has come to its end.
func (v *crashView) moveIn(_ int, random *rand.Rand) error {
	const rows = 1200
	for n := 0; !v.stop.Load(); n++ {
		source := fmt.Sprintf("list%d", n)
		var file strings.Builder
		var people []*crashPerson
		bad := 0
		file.WriteString("No,Mail,Level,Agreed\n")
		for i := range rows {
			user, stage := fmt.Sprintf("in%d-%d", n, i), []string{"bronze", "gold"}[i%2]
			if i%97 == 5 {
				bad++
				fmt.Fprintf(&file, "%s,no address,%s,yes\n", user, stage)
				continue
			}
			fmt.Fprintf(&file, "%s,%s@in.example,%s,2025-01-02\n", user, user, stage)
			people = append(people, &crashPerson{names: []string{"user:" + user, "email:" + user + "@in.example"}, more: 1, yes: true,
				facts: map[string]int{"placed level " + stage: 1}})
		}
		if err := os.WriteFile(filepath.Join(v.dir, source+".csv"), []byte(file.String()), 0o600); err != nil {
			return err
		}
		for began := time.Now(); ; {
			done, said, err := v.importOnce(source, len(people), bad)
			if err != nil {
				return err
			}
			if done {
				break
			}
			if time.Since(began) > 3*time.Minute {
				return fmt.Errorf("the import %s does not come to its end: %s", source, said)
			}
		}
		rejects, err := os.ReadFile(filepath.Join(v.dir, source+".rejects.csv"))
		if err != nil {
			return err
		}
		if lines := bytes.Count(rejects, []byte("\n")); lines != bad+1 {
			return fmt.Errorf("%s has %d rejected rows, not %d:\n%s", source, lines-1, bad, rejects)
		}
		v.add("imports", people...)
		time.Sleep(time.Duration(random.IntN(200)) * time.Millisecond)
	}
	return nil
}

// importOnce runs the verb against the server of this moment, and kills it when that one is gone.
func (v *crashView) importOnce(source string, good, bad int) (done bool, said []byte, err error) {
	address := v.line.address.Load()
	if address == nil {
		time.Sleep(5 * time.Millisecond)
		return false, nil, nil
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go func() {
		for ctx.Err() == nil {
			if now := v.line.address.Load(); now == nil || *now != *address {
				cancel()
			}
			time.Sleep(5 * time.Millisecond)
		}
	}()
	verb := exec.CommandContext(ctx, v.program, "import", source+".csv", "--place", "Level", "--journey", "level", "--source", source, "--map", "userId=No", "--map", "email=Mail",
		"--map", "consent.email=Agreed", "--key", testKey, "--server", "http://"+*address)
	verb.Dir = v.dir
	out, err := verb.CombinedOutput()
	if ctx.Err() != nil {
		v.count("imports interrupted")
		return false, out, nil
	}
	found := crashImported.FindSubmatch(out)
	if found == nil {
		return false, out, nil // it could not reach the server any more
	}
	var accepted, duplicates, rejected int
	fmt.Sscan(string(bytes.Join(found[1:], []byte(" "))), &accepted, &duplicates, &rejected)
	if exit := (*exec.ExitError)(nil); err != nil && (!errors.As(err, &exit) || exit.ExitCode() != 1) {
		return false, out, err
	}
	if bytes.Contains(out, []byte("run it again")) || accepted+duplicates+rejected < good+bad {
		return false, out, nil
	}
	if accepted+duplicates != good || rejected != bad {
		return false, out, fmt.Errorf("import %s: %d accepted, %d duplicates, %d rejected of %d good and %d bad rows:\n%s", source, accepted, duplicates, rejected, good, bad, out)
	}
	return true, out, nil
}

// What cannot be guessed and is looked for in files begins with the mark and has so many bytes.
const (
	crashMark      = "zq"
	crashMarkBytes = len(crashMark) + 16
)

func crashWord(random *rand.Rand) string { return fmt.Sprintf("%s%016x", crashMark, random.Uint64()) }

// crashErased is somebody who was erased.
type crashErased struct {
	names  []string // of which none leads to anybody any more
	secret []string // what no file may have after a rewrite
}

// erase makes people, lets some of them become one with others, and erases them at once.
func (v *crashView) erase(chore int, random *rand.Rand) error {
	k := &crashTalk{crashView: v, chore: chore, Rand: random}
	for n := 0; !v.stop.Load(); n++ {
		user, other, anonymous, secret, box := crashWord(random), crashWord(random), crashWord(random), crashWord(random), crashWord(random)
		address := box + "@gone.example"
		p := &crashPerson{}
		talk := func(kind, name string) error {
			return k.track(p, kind, name, "Look", map[string]any{"note": secret}, map[string]any{"email": address, "name": secret})
		}
		gone := &crashErased{names: []string{user, other, anonymous, address}, secret: []string{user, other, anonymous, box, secret}}
		steps := []func() error{
			func() error { return talk("userId", user) },
			func() error { return k.track(p, "userId", user, "Order", nil, nil) },
			func() error { return talk("anonymousId", anonymous) },
			func() error { return k.consent(p, user, true) },
			func() error {
				return k.say(p, "identify", map[string]any{"userId": user, "anonymousId": anonymous, "traits": map[string]any{"name": secret}})
			},
		}
		if n%2 == 0 {
			steps = append(steps, func() error { return k.track(p, "userId", other, "Look", map[string]any{"note": secret}, nil) },
				func() error { return k.say(p, "alias", map[string]any{"userId": user, "previousId": other}) })
		} else {
			gone.names, gone.secret = append(gone.names[:1], gone.names[2:]...), append(gone.secret[:1], gone.secret[2:]...)
		}
		if err := crashDo(steps...); err != nil {
			return err
		}
		if _, _, again, err := v.line.do("POST", "/v1/customers/"+user+"/erase?kind=user", nil); err != nil && (again < 2 || !errors.Is(err, errCrashRefused)) {
			return err // who is gone already is not found again
		}
		v.mu.Lock()
		v.erased = append(v.erased, gone)
		v.counts["erased"]++
		v.mu.Unlock()
		if n%3 == 0 { // they come back, as somebody new
			back := &crashPerson{names: []string{"user:" + user}}
			if err := k.track(back, "userId", user, "Look", nil, nil); err != nil {
				return err
			}
			v.mu.Lock()
			gone.names, gone.secret = gone.names[1:], gone.secret[1:]
			v.mu.Unlock()
			v.add("came back", back)
		}
		time.Sleep(time.Duration(random.IntN(40)) * time.Millisecond)
	}
	return nil
}

// rewrite has the store written anew, over and over, so that kills come in the middle of it.
func (v *crashView) rewrite(_ int, random *rand.Rand) error {
	for !v.stop.Load() {
		if err := v.line.post("/v1/privacy/rewrite", nil); err != nil && !errors.Is(err, errCrashRefused) {
			return err // one that goes on already is not begun again
		} else if err == nil {
			v.count("rewrites begun")
		}
		time.Sleep(time.Duration(random.IntN(400)) * time.Millisecond)
	}
	return nil
}
