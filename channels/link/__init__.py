"""Package of all between the two ends of a link: rates, losses, delays, packets and repeats, without a clock.

Importing the package registers each alternative under its `kind`; one in a file of its own is one line here.
"""

from channels.link import mahimahi as mahimahi
from channels.link import outages as outages
from channels.link import presets as presets
from channels.link import quic as quic
from channels.link import rayleigh as rayleigh
from channels.link import recordings as recordings
from channels.link import scheduled as scheduled
from channels.link import shaping as shaping
from channels.link import shared_presets as shared_presets
