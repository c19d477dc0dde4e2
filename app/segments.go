package app

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"maps"
	"os"
	"strings"

	"stagecraft/app/lifecycle"
	"stagecraft/app/script"
	"stagecraft/app/web"
)

// publishSegments publishes the segments of the folder, all of them together but those that cannot be: of these the last good
// ones go on. What is wrong with them is returned as the problem. The caller holds the lock.
func (p *publisher) publishSegments(ctx context.Context) (problem *lifecycle.Error, err error) {
	src, err := script.ReadSegments(os.DirFS(p.dir))
	if err == nil {
		if p.versions[script.SegmentsFolder] == src.Version() {
			return nil, nil
		}
		err = p.engine.PublishSegments(ctx, src)
	}
	if err != nil {
		if problem = refusal(err); problem == nil {
			return nil, err
		}
		good, wrong := p.withoutBroken(ctx, src, err)
		if wrong == nil && p.versions[script.SegmentsFolder] != good.Version() {
			wrong = p.engine.PublishSegments(ctx, good)
		}
		if wrong != nil && refusal(wrong) == nil {
			return nil, wrong
		}
		if wrong == nil {
			p.versions[script.SegmentsFolder] = good.Version()
		}
		if version := src.Version(); p.refused[script.SegmentsFolder] != version {
			p.refused[script.SegmentsFolder] = version
			p.log.Error("some segments were not published; the last good ones go on", "error", err)
		}
		return problem, nil
	}
	if p.serving {
		p.log.Info("the segments were published", "segments", len(src.Files))
	}
	p.versions[script.SegmentsFolder] = src.Version()
	delete(p.refused, script.SegmentsFolder)
	return nil, nil
}

// withoutBroken returns the segments with those that do not compile as they were published last, or left out if they never
// were; and likewise those that ask for one which is left out. The error says that it is not their fault alone: a helper is
// broken, or what was published does not go together with what is new.
func (p *publisher) withoutBroken(ctx context.Context, src script.Source, failed error) (script.Source, error) {
	published, err := p.engine.SegmentSource(ctx)
	if err != nil {
		return src, err
	}
	good := script.Source{Name: src.Name, Files: maps.Clone(src.Files)}
	for range len(src.Files) + 2 { // each time one of them at least is not as it was
		other := false
		for name := range brokenSegments(failed) {
			file := name + ".lua"
			before, was := published.Files[file]
			if now, is := good.Files[file]; was && is && bytes.Equal(before, now) {
				continue // it asks for one that is broken
			}
			if delete(good.Files, file); was {
				good.Files[file] = before
			}
			other = true
		}
		if !other {
			return src, failed
		}
		if _, failed = p.host.CompileSegments(good); failed == nil {
			p.takeBack(&good, src)
			return good, nil
		}
	}
	return src, failed
}

// takeBack takes over those that were broken only because one that they ask for was.
func (p *publisher) takeBack(good *script.Source, src script.Source) {
	for _, file := range src.Paths() {
		before, was := good.Files[file]
		if was && bytes.Equal(before, src.Files[file]) {
			continue
		}
		if good.Files[file] = src.Files[file]; !p.compiles(*good) {
			if delete(good.Files, file); was {
				good.Files[file] = before
			}
		}
	}
}

func (p *publisher) compiles(segments script.Source) bool {
	_, err := p.host.CompileSegments(segments)
	return err == nil
}

// brokenSegments names the segments that are at fault; nobody, if something else is too.
func brokenSegments(err error) map[string]bool {
	var list script.Errors
	if !errors.As(err, &list) {
		return nil
	}
	names := map[string]bool{}
	for _, e := range list {
		name, is := strings.CutPrefix(e.File, script.SegmentsFolder+"/")
		if name = strings.TrimSuffix(name, ".lua"); !is {
			return nil
		}
		names[name] = true
	}
	return names
}

// SegmentText returns the text of a segment as it stands on the disk.
func (p *publisher) SegmentText(name string) ([]byte, error) {
	if !script.ValidName(name) {
		return nil, lifecycle.Errorf(lifecycle.Invalid, "%.80q cannot name a segment", name)
	}
	root, err := os.OpenRoot(p.dir)
	if err != nil {
		return nil, lifecycle.Wrap(lifecycle.Unavailable, err, "the scripts folder cannot be opened")
	}
	defer root.Close()
	text, err := root.ReadFile(script.SegmentsFolder + "/" + name + ".lua")
	if errors.Is(err, fs.ErrNotExist) {
		return nil, lifecycle.Errorf(lifecycle.NotFound, "there is no segment %q", name)
	}
	return text, err
}

// CheckSegment says what is wrong with a segment, as it would be among the others on the disk.
func (p *publisher) CheckSegment(name string, text []byte) error {
	_, err := p.withSegment(name, text)
	return err
}

// withSegment returns the segments on the disk with one of them replaced, added or, if the text is nil, left out; they
// compile, all but those that did not before.
func (p *publisher) withSegment(name string, text []byte) (script.Source, error) {
	if !script.ValidName(name) || strings.HasSuffix(name, "_test") {
		return script.Source{}, lifecycle.Errorf(lifecycle.Invalid, "%.80q cannot name a segment: use lower-case letters, digits, - and _", name)
	}
	if text != nil && script.Reserved(name) {
		return script.Source{}, lifecycle.Errorf(lifecycle.Invalid, "%q cannot name a segment: Windows has no files of that name", name)
	}
	if len(text) > script.MaxLuaBytes {
		return script.Source{}, lifecycle.Errorf(lifecycle.TooLarge, "the segment has %d bytes; the limit is %d", len(text), script.MaxLuaBytes)
	}
	src, err := script.ReadSegmentsWith(os.DirFS(p.dir), name, text)
	if err != nil {
		return src, err
	}
	if _, err = p.host.CompileSegments(src); err == nil {
		return src, err
	}
	waiting := map[string]bool{}
	if now, wrong := script.ReadSegments(os.DirFS(p.dir)); wrong == nil {
		_, wrong = p.host.CompileSegments(now)
		waiting = brokenSegments(wrong)
	}
	broken := brokenSegments(err)
	for one := range broken {
		if one == name || !waiting[one] {
			return src, err
		}
	}
	if len(broken) == 0 {
		return src, err
	}
	return src, nil
}

// SaveSegment writes a segment and publishes it at once. base is the text that the editing began with, nil for a new one;
// a text of nil deletes the file. Nothing is written if the file has changed since, or if the segments would not compile.
func (p *publisher) SaveSegment(ctx context.Context, name string, text, base []byte) error {
	p.working.Lock()
	defer p.working.Unlock()
	if _, err := p.withSegment(name, text); err != nil {
		return err
	}
	root, err := os.OpenRoot(p.dir)
	if err != nil {
		return lifecycle.Wrap(lifecycle.Unavailable, err, "the scripts folder cannot be opened")
	}
	defer root.Close()
	file := script.SegmentsFolder + "/" + name + ".lua"
	if text == nil {
		if _, err = unchanged(root, file, base); err == nil {
			err = root.Remove(file)
		}
	} else {
		err = writeAll(root, script.SegmentsFolder, []web.Edit{{File: name + ".lua", Text: bytes.Clone(text), Base: base}})
	}
	if err != nil {
		return err
	}
	problem, err := p.publishSegments(ctx)
	if problem != nil && problem.File == file { // others may wait to be mended
		return problem
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.changes++
	return err
}
