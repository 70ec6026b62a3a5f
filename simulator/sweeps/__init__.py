"""Many runs at once: a sweep over configurations and seeds, its store of results, its workers, and searches."""
