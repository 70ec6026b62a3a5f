"""The sentences that findings print, a kind of question a file: lowest, below, crossing, ratio, ranges, limits, ...

How numbers and intervals read in them is in `findings.wording`.
"""
