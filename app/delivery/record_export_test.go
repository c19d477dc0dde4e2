package delivery

// Attempt is what is stored of an attempt, for the tests of its record.
type Attempt = attempt
