package web

import (
	"errors"
	"strconv"
	"strings"

	"github.com/gofiber/fiber/v2"
	"github.com/gofiber/fiber/v2/utils"

	"stagecraft/app/lifecycle"
)

// status is where codes become HTTP statuses, and nowhere else.
func status(code lifecycle.Code) int {
	switch code {
	case lifecycle.Invalid, lifecycle.ScriptFailed:
		return fiber.StatusBadRequest
	case lifecycle.Unauthorized:
		return fiber.StatusUnauthorized
	case lifecycle.Forbidden:
		return fiber.StatusForbidden
	case lifecycle.NotFound:
		return fiber.StatusNotFound
	case lifecycle.Conflict:
		return fiber.StatusConflict
	case lifecycle.TooLarge:
		return fiber.StatusRequestEntityTooLarge
	case lifecycle.Busy:
		return fiber.StatusTooManyRequests
	case lifecycle.Full:
		return fiber.StatusInsufficientStorage
	case lifecycle.Unavailable:
		return fiber.StatusServiceUnavailable
	}
	return fiber.StatusInternalServerError
}

// problem is an error as RFC 9457 writes it. Type leads to what is said of the code in the API's pages.
type problem struct {
	Type   string         `json:"type"`
	Title  string         `json:"title"`
	Status int            `json:"status"`
	Detail string         `json:"detail"`          // a sentence for people
	Code   lifecycle.Code `json:"code"`            // for programs
	Field  string         `json:"field,omitempty"` // which field is wrong, as a path such as "batch[3].userId"
	Hint   string         `json:"hint,omitempty"`  // what to write instead
	File   string         `json:"file,omitempty"`  // of a script, and where in it
	Line   int            `json:"line,omitempty"`
}

const problemType = "application/problem+json"

// fail answers an error as a problem.
func (s *Server) fail(c *fiber.Ctx, err error) error {
	var own *lifecycle.Error
	var http *fiber.Error
	switch {
	case errors.As(err, &own):
	case errors.As(err, &http):
		code := lifecycle.Invalid
		switch http.Code {
		case fiber.StatusNotFound:
			code = lifecycle.NotFound
		case fiber.StatusForbidden:
			code = lifecycle.Forbidden
		case fiber.StatusRequestEntityTooLarge:
			if code = lifecycle.TooLarge; s.busyAtTheDoor(&c.Request().Header) {
				own = lifecycle.Errorf(lifecycle.Busy, "too much is on its way by requests that show no key in their header; try again in a moment")
			}
		}
		if own != nil {
			break
		}
		// The server's own words may quote the request, key and all.
		own = lifecycle.Errorf(code, "%s", strings.ToLower(utils.StatusMessage(http.Code)))
	default:
		s.Log.Error("a request failed", "method", c.Method(), "path", c.Path(), "error", err)
		own = lifecycle.Errorf(lifecycle.Internal, "the request failed through no fault of yours; the log says why")
	}
	code := status(own.Code)
	if http != nil && own.Code == lifecycle.Invalid {
		code = http.Code
	}
	if own.Code == lifecycle.Busy || own.Code == lifecycle.Unavailable {
		c.Set(fiber.HeaderRetryAfter, strconv.Itoa(1))
	}
	if own.Code == lifecycle.Unauthorized && c.GetRespHeader(fiber.HeaderWWWAuthenticate) == "" {
		c.Set(fiber.HeaderWWWAuthenticate, `Basic realm="Stagecraft", charset="UTF-8"`)
	}
	message := own.Message
	if own.Cause != nil && code < 500 {
		message += ": " + own.Cause.Error()
	}
	return c.Status(code).JSON(problem{Type: "/api/docs#" + string(own.Code), Title: utils.StatusMessage(code), Status: code,
		Detail: message, Code: own.Code, Field: own.Field, Hint: own.Hint, File: own.File, Line: own.Line}, problemType)
}

// wireError is one of the errors within an answer, of one event of many for instance.
type wireError struct {
	Code    lifecycle.Code `json:"code"`
	Message string         `json:"message"`
	Field   string         `json:"field,omitempty"`
	Hint    string         `json:"hint,omitempty"`
	File    string         `json:"file,omitempty"`
	Line    int            `json:"line,omitempty"`
}
