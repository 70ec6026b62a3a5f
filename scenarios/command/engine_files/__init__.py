"""What serving engines and their benchmarks leave behind, read into the fields of a cell."""
