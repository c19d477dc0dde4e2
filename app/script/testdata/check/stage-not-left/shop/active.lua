stage { title = "Active" }
