"""How long compute takes: from the work of one batched forward pass to seconds, without a clock of its own.

Importing the package registers each kind of latency; one in a file of its own is one line here.
"""

from models.clocks import affine as affine
from models.clocks import empirical as empirical
from models.clocks import profile as profile
from models.clocks import roofline as roofline
