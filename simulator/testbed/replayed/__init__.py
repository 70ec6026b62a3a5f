"""Tables of a simulated cell from the journals of a real run, with every payload decoded again."""
