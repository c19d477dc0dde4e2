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

// fail answers an error as {"error":{"code","message","field","hint"}}.
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
		case fiber.StatusRequestEntityTooLarge:
			code = lifecycle.TooLarge
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
	return c.Status(code).JSON(fiber.Map{"error": wireError{own.Code, message, own.Field, own.Hint, own.File, own.Line}})
}

type wireError struct {
	Code    lifecycle.Code `json:"code"`
	Message string         `json:"message"`
	Field   string         `json:"field,omitempty"`
	Hint    string         `json:"hint,omitempty"`
	File    string         `json:"file,omitempty"`
	Line    int            `json:"line,omitempty"`
}
