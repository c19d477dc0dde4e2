package app

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"strings"

	"stagecraft/app/lifecycle"
	"stagecraft/app/script"
	"stagecraft/app/web"
)

// publishSegments publishes the segments of the folder, all of them together. What is wrong with them is returned as the
// problem; the last good ones go on. The caller holds the lock.
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
		if version := src.Version(); p.refused[script.SegmentsFolder] != version {
			p.refused[script.SegmentsFolder] = version
			p.log.Error("the segments were not published; the last good ones go on", "error", err)
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
// compile.
func (p *publisher) withSegment(name string, text []byte) (script.Source, error) {
	if !script.ValidName(name) || strings.HasSuffix(name, "_test") {
		return script.Source{}, lifecycle.Errorf(lifecycle.Invalid, "%.80q cannot name a segment: use lower-case letters, digits, - and _", name)
	}
	if len(text) > script.MaxLuaBytes {
		return script.Source{}, lifecycle.Errorf(lifecycle.TooLarge, "the segment has %d bytes; the limit is %d", len(text), script.MaxLuaBytes)
	}
	src, err := script.ReadSegmentsWith(os.DirFS(p.dir), name, text)
	if err != nil {
		return src, err
	}
	_, err = p.host.CompileSegments(src)
	return src, err
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
	if problem != nil {
		return problem
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.changes++
	return err
}
