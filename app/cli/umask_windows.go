package cli

// hideFiles does nothing here: files inherit the folder's access list.
func hideFiles() {}
