package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"stagecraft/app/lifecycle"
	"stagecraft/app/script"
	"stagecraft/scripts"
)

// The built-in segments and forms are examples: each costs something, or lets the public in, and nobody has them who has not
// asked for them.

// NewSegment copies a built-in segment, with its test.
type NewSegment struct {
	Name string `arg:"" help:"Its name: lower-case letters, digits, - and _."`
	From string `name:"from" default:"dormant-big-spenders" placeholder:"SAMPLE" help:"The built-in segment to start from: ${segmentSamples}. Default: ${default}."`
	scriptsFolder
}

// NewForm copies a built-in form, and the messages of forms that are not there yet.
type NewForm struct {
	Name string `arg:"" help:"Its name: lower-case letters, digits, - and _."`
	From string `name:"from" default:"newsletter" placeholder:"SAMPLE" help:"The built-in form to start from: ${formSamples}. Default: ${default}."`
	scriptsFolder
}

// samples are the names of the built-in scripts of a folder.
func samples(folder string) []string {
	found, err := fs.Glob(scripts.Files, folder+"/*.lua")
	if err != nil {
		return nil
	}
	var names []string
	for _, file := range found {
		if name := strings.TrimSuffix(path.Base(file), ".lua"); !strings.HasSuffix(name, "_test") {
			names = append(names, name)
		}
	}
	return names
}

// copySample writes a copy of a sample and says where it is. adapt may change what is written.
func (f *scriptsFolder) copySample(folder, name, from string, adapt func(text []byte) []byte) (file string, err error) {
	known := samples(folder)
	text, err := fs.ReadFile(scripts.Files, folder+"/"+from+".lua")
	switch {
	case !script.ValidName(name) || strings.HasSuffix(name, "_test"):
		return "", &lifecycle.Error{Code: lifecycle.Invalid, Message: fmt.Sprintf("%.80q cannot be a name", name),
			Hint: "use lower-case letters, digits, - and _"}
	case script.Reserved(name):
		return "", windowsHasNo(name)
	case err != nil:
		return "", &lifecycle.Error{Code: lifecycle.NotFound, Message: fmt.Sprintf("there is no built-in %s %q", strings.TrimSuffix(folder, "s"), from),
			Hint: script.DidYouMean(from, known, "there are: "+strings.Join(known, ", "))}
	}
	dir, err := f.prepare()
	if err != nil {
		return "", err
	}
	file = filepath.Join(dir, folder, name+".lua")
	switch err = writeNew(file, adapt(text)); {
	case errors.Is(err, fs.ErrExist):
		return "", lifecycle.Errorf(lifecycle.Conflict, "%s is there already; choose another name", file)
	case err != nil:
		return "", cannotWrite(err, file)
	}
	return file, nil
}

func windowsHasNo(name string) error {
	return lifecycle.Errorf(lifecycle.Invalid, "%q cannot be a name: Windows has no files of that name", name)
}

var segmentTitle = regexp.MustCompile(`(segment\s*\{\s*title\s*=\s*)"[^"\n]*"`)

// Run makes it.
func (c *NewSegment) Run(w *world) error {
	file, err := c.copySample(script.SegmentsFolder, c.Name, c.From, func(text []byte) []byte {
		if at := segmentTitle.FindSubmatchIndex(text); at != nil && c.Name != c.From {
			return append(append(append([]byte{}, text[:at[3]]...), strconv.Quote(title(c.Name))...), text[at[1]:]...)
		}
		return text
	})
	if err != nil {
		return err
	}
	if test, err := fs.ReadFile(scripts.Files, script.SegmentsFolder+"/"+c.From+"_test.lua"); err == nil {
		own := strings.ReplaceAll(string(test), strconv.Quote(c.From), strconv.Quote(c.Name))
		target := strings.TrimSuffix(file, ".lua") + "_test.lua"
		if err = writeNew(target, []byte(own)); err != nil && !errors.Is(err, fs.ErrExist) {
			return cannotWrite(err, target)
		}
	}
	fmt.Fprintf(w.stdout, "%s was made. A server that runs has taken it over; otherwise:\n  stagecraft check %s\n", file, filepath.Dir(filepath.Dir(file)))
	return nil
}

// Run makes it.
func (c *NewForm) Run(w *world) error {
	file, err := c.copySample(script.FormsFolder, c.Name, c.From, func(text []byte) []byte { return []byte(strings.ReplaceAll(string(text), c.From, c.Name)) })
	if err != nil {
		return err
	}
	messages, err := fs.Glob(scripts.Files, "forms/messages/*.liquid")
	if err != nil {
		return lifecycle.Wrap(lifecycle.Internal, err, "the built-in messages cannot be read")
	}
	for _, message := range messages {
		content, err := fs.ReadFile(scripts.Files, message)
		target := filepath.Join(filepath.Dir(file), "messages", path.Base(message))
		if err == nil {
			err = writeNew(target, content)
		}
		if err != nil && !errors.Is(err, fs.ErrExist) {
			return cannotWrite(err, target)
		}
	}
	fmt.Fprintf(w.stdout, "%s was made. Its page is at /f/%s of a server that runs.\n", file, c.Name)
	return nil
}
