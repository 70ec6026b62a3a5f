"""Language models, the rule of acceptance, and how long compute takes. No SimPy, no packets."""

import os
import sys

TORCH_CAME_FIRST = "torch" in sys.modules and "MKL_CBWR" not in os.environ
"""True if products may have been made before this package could set their mode."""

# Has MKL round a row of a matrix product alike whatever rows stand beside it, so that passes may share one (see
# packed_passes). It is read once, by the first product of a process, and is part of every fingerprint.
os.environ.setdefault("MKL_CBWR", "AUTO,STRICT")
