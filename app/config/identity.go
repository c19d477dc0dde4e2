package config

import "regexp"

// Identity is how far one identity, such as a mail address, is believed to be one person's.
type Identity struct {
	CallingCode string `name:"calling-code" env:"STAGECRAFT_CALLING_CODE" placeholder:"CODE" help:"Calling code, such as 84, of telephone numbers that are written as within a country: 0901234567 is then +84901234567. Default: none, numbers must begin with +."`

	Users  int `name:"identity-users" env:"STAGECRAFT_IDENTITY_USERS" default:"5" placeholder:"N" help:"User IDs besides the owner's that may have an address, a device or another identity before it joins nobody any more and is shown as suspicious, 1 to 1000. Default: ${default}."`
	Joined int `name:"identity-joined" env:"STAGECRAFT_IDENTITY_JOINED" default:"50" placeholder:"N" help:"Customers besides the owner of whom one identity may be said before the same, 1 to 10000. Default: ${default}."`
}

// callingCode is what a calling code looks like (ITU-T E.164, 6.1).
var callingCode = regexp.MustCompile(`^[1-9][0-9]{0,2}$`)

// check takes 0 for the default, as in a Config that no flags were read into.
func (i Identity) check(problems *Problems) {
	if i.CallingCode != "" && !callingCode.MatchString(i.CallingCode) {
		problems.add("--calling-code", "%q is no calling code; write it like 84", i.CallingCode)
	}
	if i.Users < 0 || i.Users > 1000 {
		problems.add("--identity-users", "%d is none of 1 to 1000", i.Users)
	}
	if i.Joined < 0 || i.Joined > 10000 {
		problems.add("--identity-joined", "%d is none of 1 to 10000", i.Joined)
	}
}
