package app

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"io/fs"
	"os"
	"path"
	"strings"

	"stagecraft/app/delivery"
	"stagecraft/app/lifecycle"
	"stagecraft/app/script"
	"stagecraft/app/web"
)

// The scripts folder as somebody edits it in the console: it implements web.Drafts. The files on the disk stay the
// truth, so that they can be kept in git.

// Folder returns a journey as it stands on the disk, with a draft laid over it.
func (p *publisher) Folder(journey string, draft map[string][]byte) (script.Source, error) {
	if !plainName(journey) || journey == "lib" {
		return script.Source{}, lifecycle.Errorf(lifecycle.Invalid, "%q cannot name a journey", journey)
	}
	if err := draftNames(draft); err != nil {
		return script.Source{}, err
	}
	return script.ReadDraft(os.DirFS(p.dir), journey, draft)
}

// Whole returns a journey of nothing but the files that are given.
func (p *publisher) Whole(journey string, files map[string][]byte) (script.Source, error) {
	own := map[string][]byte{}
	for file, text := range files {
		if helper, ok := strings.CutPrefix(file, "lib/"); ok && plainName(helper) && strings.HasSuffix(helper, ".lua") {
			continue
		} else if ok && (strings.HasPrefix(helper, "layouts/") || strings.HasPrefix(helper, "partials/")) {
			file = "messages/" + helper // they are named alike
		}
		own[file] = text
	}
	if !plainName(journey) || journey == "lib" {
		return script.Source{}, lifecycle.Errorf(lifecycle.Invalid, "%q cannot name a journey", journey)
	}
	if err := draftNames(own); err != nil {
		return script.Source{}, err
	}
	if own["journey.lua"] == nil {
		return script.Source{}, lifecycle.Errorf(lifecycle.Invalid, "a whole journey has a journey.lua; this one has none")
	}
	return script.WholeDraft(journey, files), nil
}

// plainName reports whether a text is a name and no path: nothing in it can lead out of a folder, or to a hidden file.
func plainName(name string) bool {
	if name == "" || len(name) > 200 || strings.HasPrefix(name, ".") {
		return false
	}
	for _, c := range []byte(name) {
		if !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '_' || c == '.') {
			return false
		}
	}
	return true
}

// draftNames holds the files of a draft to those that a journey can have: its Lua files, and its messages.
func draftNames(draft map[string][]byte) error {
	for file := range draft {
		name, message := strings.CutPrefix(file, "messages/")
		for _, shared := range []string{"layouts/", "partials/"} {
			if message {
				name = strings.TrimPrefix(name, shared)
			}
		}
		if !plainName(name) || message && !strings.HasSuffix(name, ".liquid") || !message && !strings.HasSuffix(name, ".lua") {
			return lifecycle.Errorf(lifecycle.Invalid, "%q is no file of a journey; there are NAME.lua and messages/NAME.CHANNEL.liquid", file)
		}
	}
	return nil
}

// Check says everything that is wrong with a source, messages included, and warns of segments that name a stage which the
// journey would not have.
func (p *publisher) Check(source script.Source) []script.Problem {
	missing := func(t lifecycle.Template) []*lifecycle.Error { return delivery.MissingVariables(t, p.links) }
	problems := p.host.Check(source, delivery.CheckTemplate, missing, delivery.CheckLinks)
	segments, err := script.ReadSegments(os.DirFS(p.dir))
	if err != nil || len(segments.Files) == 0 {
		return problems
	}
	program, err := p.host.Compile(source)
	if err != nil {
		return problems
	}
	return append(problems, script.SegmentNames(segments, []*script.Program{program}, false)...)
}

// Save writes the files and publishes the journey at once. Nothing is written if one of them is not what the editing
// began with any more, or if the journey would be broken.
func (p *publisher) Save(ctx context.Context, journey string, edits []web.Edit, drain bool) error {
	p.working.Lock()
	defer p.working.Unlock()
	draft := map[string][]byte{}
	for _, edit := range edits {
		if _, twice := draft[edit.File]; twice {
			return lifecycle.Errorf(lifecycle.Invalid, "%s is there twice", edit.File)
		}
		if edit.Base == nil && script.Reserved(path.Base(edit.File)) {
			return lifecycle.Errorf(lifecycle.Invalid, "%s cannot be made: Windows has no files of that name", edit.File)
		}
		draft[edit.File] = edit.Text
	}
	source, err := p.Folder(journey, draft)
	if err != nil {
		return err
	}
	program, err := compile(p.host, source)
	if err != nil {
		return err
	}
	if err = p.keepsCustomers(ctx, &program.Journey); err != nil {
		return err
	}
	root, err := os.OpenRoot(p.dir) // nothing that is opened through it lies outside, links or not
	if err != nil {
		return lifecycle.Wrap(lifecycle.Unavailable, err, "the scripts folder cannot be opened")
	}
	defer root.Close()
	if err = writeAll(root, journey, edits); err != nil {
		return err
	}
	return p.publishSaved(ctx, source, program, drain)
}

// writeAll writes all files beside the old ones first, and puts them into their places when all are there.
func writeAll(root *os.Root, journey string, edits []web.Edit) (err error) {
	modes := make([]fs.FileMode, len(edits))
	for i, edit := range edits {
		if modes[i], err = unchanged(root, journey+"/"+edit.File, edit.Base); err != nil {
			return err
		}
	}
	var written []string
	defer func() {
		for _, name := range written { // after a success they are not there any more
			_ = root.Remove(name)
		}
	}()
	for i, edit := range edits {
		target := journey + "/" + edit.File
		if err = root.MkdirAll(path.Dir(target), 0o755); err != nil {
			return unwritten(err, target)
		}
		written = append(written, path.Dir(target)+"/.stagecraft-"+rand.Text()) // hidden files are not read as scripts
		if err = writeSynced(root, written[i], edit.Text, modes[i]); err != nil {
			return unwritten(err, target)
		}
	}
	for i, edit := range edits {
		if err = root.Rename(written[i], journey+"/"+edit.File); err != nil {
			return unwritten(err, journey+"/"+edit.File)
		}
	}
	return nil
}

func unwritten(err error, file string) error {
	return lifecycle.Wrap(lifecycle.Unavailable, err, "%s cannot be written; may the server write into the scripts folder?", file)
}

// unchanged compares a file with what the editing began with, and returns its mode.
func unchanged(root *os.Root, file string, base []byte) (fs.FileMode, error) {
	changed := func(what string) error {
		err := lifecycle.Errorf(lifecycle.Conflict, "%s %s since the editing began; nothing was saved", file, what)
		err.File, err.Line, err.Hint = file, 1, "read it again and take over what is new"
		return err
	}
	text, err := root.ReadFile(file)
	switch {
	case errors.Is(err, fs.ErrNotExist) && base == nil:
		return 0o644, nil
	case errors.Is(err, fs.ErrNotExist):
		return 0, changed("was removed")
	case err != nil:
		return 0, lifecycle.Wrap(lifecycle.Unavailable, err, "%s cannot be read", file)
	case base == nil:
		return 0, changed("came to be")
	case !bytes.Equal(text, base):
		return 0, changed("was changed on the disk")
	}
	info, err := root.Lstat(file)
	if err != nil {
		return 0, lifecycle.Wrap(lifecycle.Unavailable, err, "%s cannot be read", file)
	}
	if !info.Mode().IsRegular() {
		return 0, lifecycle.Errorf(lifecycle.Invalid, "%s is a link or no plain file; edit what it leads to", file)
	}
	return info.Mode().Perm(), nil
}

func writeSynced(root *os.Root, name string, text []byte, mode fs.FileMode) error {
	file, err := root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return err
	}
	_, err = file.Write(text)
	if err == nil {
		err = file.Chmod(mode) // whatever the umask says: the file's readers stay the same
	}
	if err == nil {
		err = file.Sync()
	}
	return errors.Join(err, file.Close())
}
