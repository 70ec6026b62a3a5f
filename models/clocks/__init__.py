"""How long compute takes: from the work of one batched forward pass to seconds, without a clock of its own.

Importing the package registers each kind of latency.
"""

from models.clocks import affine, constant, roofline

__all__ = ["affine", "constant", "roofline"]
