package script

import (
	"slices"
	"strings"

	"stagecraft/app/lifecycle"
)

// Source is one journey as text. Files are named relative to the journey's folder: "journey.lua", "member.lua",
// "messages/thank-you.email.liquid"; shared helpers that it uses are copied in as "lib/offers.lua".
type Source struct {
	Name  string // the folder's name
	Files map[string][]byte
}

// Version names the content: 32 hex digits over the name and, in the order of their paths, all files.
func (s Source) Version() string {
	parts := make([]string, 0, 1+2*len(s.Files))
	parts = append(parts, s.Name)
	for _, path := range s.Paths() {
		parts = append(parts, path, string(s.Files[path]))
	}
	return lifecycle.HashID(parts...).String()
}

// Paths returns the names of the files in order.
func (s Source) Paths() []string {
	paths := make([]string, 0, len(s.Files))
	for path := range s.Files {
		paths = append(paths, path)
	}
	slices.Sort(paths)
	return paths
}

// Hash names the content of one file, so that equal files can be stored once; ok is false if there is no such file.
func (s Source) Hash(path string) (id lifecycle.ID, ok bool) {
	content, ok := s.Files[path]
	if !ok {
		return id, false
	}
	return lifecycle.HashID("script file", string(content)), true
}

// full returns a file's name relative to the scripts folder, as people see it in errors.
func (s Source) full(path string) string {
	if strings.HasPrefix(path, "lib/") {
		return path
	}
	return s.Name + "/" + path
}

// validName reports whether a text can name a journey, a stage or a message: lower-case letters, digits, - and _, at
// most 64 of them, beginning with a letter or digit.
func validName(name string) bool {
	if name == "" || len(name) > 64 || name[0] == '-' || name[0] == '_' {
		return false
	}
	for i := 0; i < len(name); i++ {
		if c := name[i]; !(c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '-' || c == '_') {
			return false
		}
	}
	return true
}

// ValidName reports whether a text can name a journey, a stage or a message.
func ValidName(name string) bool { return validName(name) }

// Reserved reports whether Windows keeps a name for a device: no file or folder can have it there, whatever follows its first
// dot. What is made anew is not called so, because scripts move from one machine to another; what is there already is read.
// See https://learn.microsoft.com/windows/win32/fileio/naming-a-file.
func Reserved(name string) bool {
	name, _, _ = strings.Cut(strings.ToLower(name), ".")
	switch name {
	case "con", "prn", "aux", "nul":
		return true
	}
	return len(name) == 4 && (name[:3] == "com" || name[:3] == "lpt") && name[3] >= '0' && name[3] <= '9'
}

const nameRule = "use lower-case letters, digits, - and _, such as single-purchase"
