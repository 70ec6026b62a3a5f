"""What happens between the two ends of a link: rates, losses, delays, packets and repeats, without a clock.

Importing the package registers each alternative under its `kind`.
"""

from channels.link import bursts, mahimahi, markov, outages, presets, rate_trace, rayleigh, shaping

__all__ = ["bursts", "mahimahi", "markov", "outages", "presets", "rate_trace", "rayleigh", "shaping"]
