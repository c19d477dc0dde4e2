package web

import "net/http"

// Routes returns what is served: methods and paths.
func (s *Server) Routes() (list [][2]string) {
	for _, route := range s.fiber.GetRoutes(true) {
		list = append(list, [2]string{route.Method, route.Path})
	}
	return list
}

// Answer answers a request without a network.
func (s *Server) Answer(r *http.Request) (*http.Response, error) { return s.fiber.Test(r, -1) }
