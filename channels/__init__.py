"""Package of all that crosses the air. No SimPy, no torch, no idea what a token means."""
