"""Each scheme at a setting of its own: what may be tuned, and the race that chooses, on seeds that are not shown."""
