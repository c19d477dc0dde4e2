package web

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net"
	"slices"
	"sync"
	"time"

	"github.com/gofiber/fiber/v2"

	"stagecraft/app/lifecycle"
	"stagecraft/assets"
)

// Bounds of live inboxes.
const (
	maxViews      = 4096 // of all customers
	maxViewsOfOne = 8    // windows of one customer
)

//go:embed inapp.js
var inAppScript []byte

// packScript makes a file of a script that pages of others name by the same address for good.
func packScript(name string, source []byte) (assets.File, error) {
	sum := sha256.Sum256(source)
	var packed bytes.Buffer
	w, err := gzip.NewWriterLevel(&packed, gzip.BestCompression)
	if err == nil {
		_, err = w.Write(source)
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		return assets.File{}, lifecycle.Wrap(lifecycle.Internal, err, "the script %s cannot be packed", name)
	}
	return assets.File{Path: name, Type: "text/javascript; charset=utf-8", Hash: hex.EncodeToString(sum[:16]), Body: source, Gzip: packed.Bytes()}, nil
}

// views counts the live inboxes, so that nobody takes the room of all.
type views struct {
	mu    sync.Mutex
	total int
	of    map[string]int
}

func (v *views) enter(user string) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.total >= maxViews || v.of[user] >= maxViewsOfOne {
		return false
	}
	if v.of == nil {
		v.of = map[string]int{}
	}
	v.total++
	v.of[user]++
	return true
}

func (v *views) leave(user string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.total--
	if v.of[user]--; v.of[user] == 0 {
		delete(v.of, user)
	}
}

// streamInbox sends the inbox, and again whenever it changes, as server-sent events named inbox.
func (s *Server) streamInbox(c *fiber.Ctx, v viewer) error {
	if !s.views.enter(v.user) {
		return lifecycle.Errorf(lifecycle.Busy, "too many inboxes are open live; ask for the list instead, or close one of the %d windows", maxViewsOfOne)
	}
	c.Set(fiber.HeaderContentType, "text/event-stream")
	c.Set("X-Accel-Buffering", "no")
	c.Context().SetConnectionClose()
	conn := c.Context().Conn()
	c.Context().SetBodyStreamWriter(func(w *bufio.Writer) {
		defer s.views.leave(v.user)
		s.pourInbox(w, conn, v)
	})
	return nil
}

// pourInbox writes until the reader is gone, the token has ended or the server closes. With every beat it looks anew whose
// the inbox is: customers are merged, and messages expire.
func (s *Server) pourInbox(w *bufio.Writer, conn net.Conn, v viewer) {
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	left, wake := gone(conn), make(chan struct{}, 1)
	beat := time.NewTicker(streamBeat)
	defer beat.Stop()
	var ids []lifecycle.ID
	unwatch := func() {}
	defer func() { unwatch() }()
	var last [sha256.Size]byte // not the bytes: thousands of inboxes may be open, and full
	for {
		now, err := s.idsOf(ctx, v.user)
		if err != nil {
			return
		}
		if !slices.Equal(now, ids) {
			unwatch()
			ids, unwatch = now, s.Delivery.WatchInbox(now, wake) // before it is looked at, so that no change is missed
		}
		messages, err := s.inboxes(ctx, ids)
		if err != nil {
			return
		}
		data, err := json.Marshal(wireInboxOf(messages))
		if err != nil {
			return
		}
		_ = conn.SetWriteDeadline(time.Now().Add(streamWrite))
		if sum := sha256.Sum256(data); sum == last {
			fmt.Fprint(w, ": still here\n\n")
		} else {
			fmt.Fprintf(w, "event: inbox\ndata: %s\n\n", data)
			last = sum
		}
		if w.Flush() != nil {
			return
		}
		select {
		case <-wake:
		case <-beat.C:
		case <-left:
			return
		case <-s.closing:
			return
		}
		if !s.Clock.Now().Before(v.ends) {
			return
		}
	}
}
