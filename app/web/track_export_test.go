package web

// MachineAgent lets tests name agents.
var MachineAgent = machineAgent
