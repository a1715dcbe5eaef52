"""The forge that needs no server: bare repositories, with pull requests in Honk's own store."""
