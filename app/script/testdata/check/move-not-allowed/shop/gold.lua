stage { title = "Gold" }
