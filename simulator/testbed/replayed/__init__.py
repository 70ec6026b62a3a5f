"""From the journals of a run to the tables of a simulated cell, with every payload decoded again on the way."""
