package engine

// AsksRank reports whether a replay takes a script for one that asks for a rank among all customers.
var AsksRank = asksRank
