package letter

// The page, in millimetres from its upper left corner: A4 as DIN 5008 form B has it, so that the address stands in the
// window of an envelope DL, C6/5 or C5 when the sheet is folded in three or in two.
const (
	pageWidth = 210.0

	marginLeft  = 25.0
	marginRight = 20.0
	textWidth   = pageWidth - marginLeft - marginRight

	headTop = 17.0 // the sender's first line; the letterhead ends at 45

	windowLeft   = 20.0 // the address field: 85 wide, 45 high
	windowTop    = 45.0
	windowWidth  = 85.0
	windowInset  = 5.0
	returnBase   = 48.9 // the sender in the window stands on this line …
	returnRule   = 49.8 // … with this one under it
	addressTop   = 62.7 // six lines down to 90
	addressPitch = 27.3 / maxAddressLines

	bodyTop  = 98.46 // of the first page
	nextTop  = 25.0  // of the others
	footBase = 287.0 // the last line of the foot of the page

	foldFirst  = 105.0
	foldSecond = 210.0
	holes      = 148.5
	foldLeft   = 4.0
	foldLength = 4.0 // the holes' mark is half as long again
)

// Sizes in points, pitches in millimetres.
const (
	bodySize    = 11.0
	bodyPitch   = 5.0
	headSize    = 10.0
	smallSize   = 8.0
	smallPitch  = 3.6
	returnSize  = 7.0
	returnLeast = 5.5 // a long sender is set smaller down to this
	addressSize = 10.5
	addressMin  = 8.0 // likewise a long address

	paragraphGap = 2.5
	listIndent   = 6.0
)

// headings by level.
var headings = [...]struct{ size, pitch float64 }{1: {15, 6.8}, 2: {13, 6}, 3: {bodySize, bodyPitch}}
