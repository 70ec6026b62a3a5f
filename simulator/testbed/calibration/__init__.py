"""Calibration: the times that a cell's processes take on this machine, measured without the cell's own run."""
