"""Compute time: from the work of one batched forward pass to seconds, without a clock of its own.

Importing the package registers each kind of latency; one in a file of its own is one line here.
"""

from models.latency import empirical as empirical
from models.latency import latency as latency
from models.latency import profile as profile
from models.latency import roofline as roofline
