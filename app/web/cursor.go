package web

import (
	"encoding/base64"
	"strconv"
	"strings"

	"github.com/gofiber/fiber/v2"

	"stagecraft/app/engine"
	"stagecraft/app/lifecycle"
)

// Cursors say where a list goes on: the list's name, a dot, and a place in it that is nobody else's business. Whoever gives
// the cursor of another list is told so, instead of getting a page that means nothing.

// maxCursor bounds what is read of one.
const maxCursor = 300

// cursorOf writes a cursor. Without a place there is no more, and none.
func cursorOf(list string, place []byte) string {
	if len(place) == 0 {
		return ""
	}
	return list + "." + base64.RawURLEncoding.EncodeToString(place)
}

// cursor reads the cursor of a request, of a list whose places are as fits says. It is nil if there is none: the list's begin.
func cursor(c *fiber.Ctx, list string, fits func(place []byte) bool) ([]byte, error) {
	return readCursor(c.Query("cursor"), list, fits)
}

func readCursor(text, list string, fits func(place []byte) bool) ([]byte, error) {
	if text == "" {
		return nil, nil
	}
	of, coded, found := strings.Cut(text, ".")
	place, err := base64.RawURLEncoding.Strict().DecodeString(coded)
	switch {
	case len(text) > maxCursor || !found || err != nil || len(place) == 0:
		return nil, fieldError("cursor", "the cursor is not the next of an earlier page; leave it out to begin again")
	case of != list:
		return nil, fieldError("cursor", "the cursor is of another list, %.40q; leave it out to begin again", of)
	case !fits(place):
		return nil, fieldError("cursor", "the cursor is not the next of an earlier page; leave it out to begin again")
	}
	return place, nil
}

// limitOf reads how many are asked for.
func limitOf(c *fiber.Ctx, usual, most int) (int, error) {
	text := c.Query("limit")
	if text == "" {
		return usual, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > most {
		return 0, fieldError("limit", "limit is a number from 1 to %d", most)
	}
	return n, nil
}

// customersFrom reads where a list of customers goes on that stands in the order of their partitions and IDs.
func customersFrom(c *fiber.Ctx, list string) (from engine.MemberCursor, err error) {
	place, err := cursor(c, list, func(place []byte) bool { return len(place) == 17 && int(place[0]) < lifecycle.Partitions })
	if place != nil {
		from = engine.MemberCursor{Partition: int(place[0]), From: lifecycle.ID(place[1:])}
	}
	return from, err
}

// customersNext is the cursor of such a list from a place on.
func customersNext(list string, to engine.MemberCursor) string {
	if to.Partition >= lifecycle.Partitions {
		return ""
	}
	return cursorOf(list, append([]byte{byte(to.Partition)}, to.From[:]...))
}
