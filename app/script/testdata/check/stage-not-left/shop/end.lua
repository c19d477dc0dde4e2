stage { title = "End" }
