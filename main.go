// Stagecraft takes every customer of a business through the stages of a lifecycle. This file parses the verb, hands
// over, and exits.
package main

import (
	"os"

	"stagecraft/app/cli"
)

// version is set by the release build.
var version = "dev"

func main() {
	os.Exit(cli.Main(version, os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}
