stage { title = "Trap" }
