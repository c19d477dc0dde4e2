package script

// Flow is what a file does, as it can be drawn: read off the syntax tree, nothing is run. It is the same for the same
// text.
type Flow struct {
	File  string     `json:"file"`
	Roots []FlowNode `json:"roots"` // in the order of the file: kind enter, leave, on, idle, goal or exit
}

// FlowNode is one thing that happens. What follows it is the next node of the list it is in.
//
// Kind is a word of the language (send, wait, wait_until, wait_for, move, split, choose, score, set, track, …), or for a
// root what starts it (enter, leave, on, idle, goal, exit), or:
//
//	branch  if, elseif, else: Branches are the ways
//	loop    while, repeat, for: Children happen again and again
//	call    a function that acts or looks: Children are its inside, unless it is being drawn already around it
//	return  the function ends here
//	break   the loop ends here
type FlowNode struct {
	Kind     string     `json:"kind"`
	Label    string     `json:"label"`              // to be read: a message's name, a duration, a condition
	File     string     `json:"file,omitempty"`     // where it stands, if that is a helper's file
	Line     int        `json:"line"`               // 1-based
	EndLine  int        `json:"end_line"`           // the last line of what is inside it; often Line
	Name     string     `json:"name,omitempty"`     // of a send the message, of a move the stage, of split and choose theirs, where they are plain text
	Channels []string   `json:"channels,omitempty"` // of a send: by which the message may leave, in alphabetical order
	Handler  string     `json:"handler,omitempty"`  // of a root: the Handler.ID
	Children []FlowNode `json:"children,omitempty"` // of a root, a loop, a call: what is done inside, in order
	Branches []FlowWay  `json:"branches,omitempty"` // of a branch and of wait_for: the ways it can go; those that do not end meet again behind the node
}

// FlowWay is one way on.
type FlowWay struct {
	Label    string     `json:"label"` // the condition; "otherwise"; of wait_for "it came" and "time ran out"
	Line     int        `json:"line"`
	EndLine  int        `json:"end_line"`
	Ends     bool       `json:"ends,omitempty"` // it does not come back to what follows the node
	Children []FlowNode `json:"children"`
}
