"""Files of serving engines and their benchmarks, read into the fields of a cell."""
