-- Nothing happens here.
local n = 1
