// Package assets holds the console: static files that vite builds into dist/console and the binary carries along.
// A binary that was built without them carries a page that says how to build them.
package assets

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"strings"
)

//go:embed all:dist
var dist embed.FS

// index is the page under which a console is served, and by which a build is known to be there.
const index = "index.html"

// Console returns the built console, or the placeholder page if the console was not built into this binary. Either
// has an index.html at its root.
func Console() fs.FS {
	for _, folder := range []string{"dist/console", "dist"} {
		// Sub fails only on an invalid path, and these are constants.
		if sub, err := fs.Sub(dist, folder); err == nil {
			if _, err := fs.Stat(sub, index); err == nil {
				return sub
			}
		}
	}
	return dist
}

// Built reports whether the console itself is in this binary, and not only its placeholder.
func Built() bool {
	_, err := fs.Stat(dist, "dist/console/"+index)
	return err == nil
}

// File is one file of the console, ready to be sent.
type File struct {
	Path      string // slash-separated, relative to the console's root: "assets/index-B3xk29fa.js"
	Type      string // for Content-Type, with charset where it is text
	Hash      string // 32 hex digits over Body; quoted, it is the ETag of Body, and with "-gzip" behind it that of Gzip
	Immutable bool   // its name changes with its content: it may be cached for good
	Body      []byte
	Gzip      []byte // Body compressed, or nil where that was not worth it
}

// hashed matches what vite calls a file whose name carries the hash of its content.
var hashed = regexp.MustCompile(`^assets/.+-[A-Za-z0-9_-]{8}\.[a-z0-9]+$`)

// Files reads all files of a console into memory, in the order of their paths. A file x.gz beside a file x is its
// compressed form and not listed by itself. It fails on a file whose type it does not know: such a file would be sent
// with a guess.
func Files(console fs.FS) ([]File, error) {
	var files []File
	err := fs.WalkDir(console, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		if plain, ok := strings.CutSuffix(name, ".gz"); ok {
			if _, err := fs.Stat(console, plain); err == nil {
				return nil
			}
		}
		contentType, err := typeOf(name)
		if err != nil {
			return err
		}
		body, err := fs.ReadFile(console, name)
		if err != nil {
			return fmt.Errorf("read %s of the console: %w", name, err)
		}
		sum := sha256.Sum256(body)
		file := File{
			Path: name, Type: contentType, Hash: hex.EncodeToString(sum[:16]), Immutable: hashed.MatchString(name), Body: body,
		}
		if packed, err := fs.ReadFile(console, name+".gz"); err == nil && len(packed) < len(body) && isGzip(packed) {
			file.Gzip = packed
		}
		files = append(files, file)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return files, nil
}

// typeOf does not ask the machine, whose answer differs from one to the next.
func typeOf(name string) (string, error) {
	switch path.Ext(name) {
	case ".html":
		return "text/html; charset=utf-8", nil
	case ".js":
		return "text/javascript; charset=utf-8", nil
	case ".css":
		return "text/css; charset=utf-8", nil
	case ".svg":
		return "image/svg+xml", nil
	case ".png":
		return "image/png", nil
	}
	return "", fmt.Errorf("the console has a file %s of a type that is not known here; add it to typeOf in assets/embed.go", name)
}

func isGzip(body []byte) bool { return bytes.HasPrefix(body, []byte{0x1f, 0x8b}) }
