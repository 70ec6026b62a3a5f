"""What happens between the two ends of a link: rates, losses, delays, packets and repeats, without a clock.

Importing the package registers each alternative under its `kind`.
"""

from channels.link import bursts, fading, mahimahi, markov, outages, presets, shaping, traces

__all__ = ["bursts", "fading", "mahimahi", "markov", "outages", "presets", "shaping", "traces"]
