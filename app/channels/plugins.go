package channels

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"stagecraft/app/lifecycle"
)

// pluginPrefix is what the executable of a connector of others is called, before the connector's name.
const pluginPrefix = "stagecraft-channel-"

// reserved are the names of the connectors that are part of the program.
var reserved = []string{"email", "letter", "log", "push", "sms", "social", "webhook"}

// Plugins are the connectors of others in a data folder. Each is an executable plugins/stagecraft-channel-NAME, or a
// folder of that name with such an executable in it and what belongs to it. None is started before the operator has
// approved it, and none that has changed since: what was approved is the SHA-256 of the executable, or of all that is in
// its folder. It is compared before every start.
type Plugins struct{ Data string }

// Approval says how a connector stands with the operator.
type Approval string

const (
	Approved   Approval = "approved"
	Unapproved Approval = "not approved"
	Changed    Approval = "changed" // since it was approved
	Missing    Approval = "missing" // approved, but not there any more
	Unfit      Approval = "unfit"   // cannot be approved; Problem says why
)

// Plugin is a connector of others.
type Plugin struct {
	Name     string   `json:"name"`
	Path     string   `json:"path"`
	Approval Approval `json:"approval"`
	SHA256   string   `json:"sha256,omitempty"` // as it is now
	Problem  string   `json:"problem,omitempty"`
}

// approved is one entry of the file of approvals.
type approved struct {
	SHA256 string    `json:"sha256"`
	At     time.Time `json:"at"`
}

// List returns the connectors that are there or were approved, by name.
func (p Plugins) List() ([]Plugin, error) {
	approvals, err := p.approvals()
	if err != nil {
		return nil, err
	}
	entries, err := os.ReadDir(p.folder())
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, lifecycle.Wrap(lifecycle.Unavailable, err, "the folder %s cannot be read", p.folder())
	}
	var list []Plugin
	for _, entry := range entries {
		name, ok := strings.CutPrefix(strings.TrimSuffix(entry.Name(), ".exe"), pluginPrefix)
		if !ok || !channelName.MatchString(name) {
			continue
		}
		list = append(list, p.judge(name, approvals[name].SHA256))
		delete(approvals, name)
	}
	for name := range approvals {
		list = append(list, Plugin{Name: name, Path: p.path(name), Approval: Missing})
	}
	slices.SortFunc(list, func(a, b Plugin) int { return strings.Compare(a.Name, b.Name) })
	return list, nil
}

func (p Plugins) judge(name, sum string) Plugin {
	plugin := Plugin{Name: name, Path: p.path(name), Approval: Unapproved}
	var err error
	if slices.Contains(reserved, name) {
		plugin.Approval, plugin.Problem = Unfit, "the program has a connector "+name+" of its own, which is always the one that serves; give the file another name"
		return plugin
	}
	if _, plugin.SHA256, err = fingerprint(plugin.Path); err != nil {
		plugin.Approval, plugin.Problem = Unfit, err.Error()
		return plugin
	}
	switch sum {
	case "":
	case plugin.SHA256:
		plugin.Approval = Approved
	default:
		plugin.Approval = Changed
	}
	return plugin
}

// Approve lets a connector be started as it is now. Where sum is not "", it must be the SHA-256 that the connector has:
// what the operator looked at is what is approved.
func (p Plugins) Approve(name, sum string, at time.Time) (Plugin, error) {
	if !channelName.MatchString(name) {
		return Plugin{}, lifecycle.Errorf(lifecycle.Invalid, "%.80q is no name of a connector: lower case letters, digits and dashes", name)
	}
	approvals, err := p.approvals()
	if err != nil {
		return Plugin{}, err
	}
	if _, err := os.Lstat(p.path(name)); errors.Is(err, fs.ErrNotExist) {
		return Plugin{}, lifecycle.Errorf(lifecycle.NotFound, "there is no connector %s; put its executable to %s", name, p.path(name))
	}
	plugin := p.judge(name, "")
	if plugin.Approval == Unfit {
		return plugin, lifecycle.Errorf(lifecycle.Invalid, "connector %s cannot be approved: %s", name, plugin.Problem)
	}
	if sum != "" && !strings.EqualFold(sum, plugin.SHA256) {
		return plugin, lifecycle.Errorf(lifecycle.Conflict, "connector %s has the SHA-256 %s and not the one given; it is not what was looked at", name, plugin.SHA256)
	}
	approvals[name] = approved{plugin.SHA256, at.UTC().Truncate(time.Second)}
	plugin.Approval = Approved
	return plugin, p.write(approvals)
}

// Remove takes the approval back. The files stay. A server that runs stops the connector once it has seen that.
func (p Plugins) Remove(name string) error {
	approvals, err := p.approvals()
	if err != nil {
		return err
	}
	if _, ok := approvals[name]; !ok {
		return lifecycle.Errorf(lifecycle.NotFound, "connector %.80q is not approved", name)
	}
	delete(approvals, name)
	return p.write(approvals)
}

// Approvals returns the SHA-256 that each approved connector had when it was approved, by name, whether it is there or not.
func (p Plugins) Approvals() (map[string]string, error) {
	approvals, err := p.approvals()
	sums := make(map[string]string, len(approvals))
	for name, one := range approvals {
		sums[name] = one.SHA256
	}
	return sums, err
}

// ApprovalsFile is where approvals are kept. It is replaced as a whole with each change.
func (p Plugins) ApprovalsFile() string { return p.file() }

// Executable returns what to start as the connector of a name, if it is approved and has not changed.
func (p Plugins) Executable(name string) (string, error) {
	approvals, err := p.approvals()
	if err != nil {
		return "", err
	}
	path := p.path(name)
	executable, sum, err := fingerprint(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "", lifecycle.Errorf(lifecycle.NotFound, "there is no connector %s; put its executable to %s", name, path)
	case err != nil:
		return "", lifecycle.Wrap(lifecycle.Invalid, err, "connector %s is not started: %s", name, err)
	case approvals[name].SHA256 == "":
		return "", lifecycle.Errorf(lifecycle.Conflict, "connector %s is not approved; look at it, and run: stagecraft plugin approve %s", name, name)
	case approvals[name].SHA256 != sum:
		return "", lifecycle.Errorf(lifecycle.Conflict, "connector %s has changed since it was approved and is not started; if that is right, run: stagecraft plugin approve %s", name, name)
	}
	return executable, nil
}

func (p Plugins) folder() string { return filepath.Join(p.Data, "plugins") }
func (p Plugins) path(name string) string {
	return executableName(filepath.Join(p.folder(), pluginPrefix+name))
}

// file is where approvals are kept: outside of plugins, which an operator may let others fill.
func (p Plugins) file() string { return filepath.Join(p.Data, "approved.json") }

func (p Plugins) approvals() (map[string]approved, error) {
	data, err := os.ReadFile(p.file())
	if errors.Is(err, fs.ErrNotExist) {
		return map[string]approved{}, nil
	}
	approvals := map[string]approved{}
	if err == nil {
		err = json.Unmarshal(data, &approvals)
	}
	if err != nil || approvals == nil {
		return nil, lifecycle.Wrap(lifecycle.Invalid, err, "%s cannot be read; mend it, or remove it to approve connectors anew", p.file())
	}
	return approvals, nil
}

func (p Plugins) write(approvals map[string]approved) error {
	data, err := json.MarshalIndent(approvals, "", "  ")
	if err == nil {
		err = replaceFile(p.file(), append(data, '\n'))
	}
	if err != nil {
		return lifecycle.Wrap(lifecycle.Unavailable, err, "%s cannot be written", p.file())
	}
	return nil
}
