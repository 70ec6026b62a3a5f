"""Language models, the law of acceptance, and how long compute takes. No SimPy, no packets."""

import os

# Has MKL round a row of a matrix product alike whatever rows stand beside it, so that passes may share one (see
# packed_passes). It is read once, by the first product of a process, and is part of every fingerprint.
os.environ.setdefault("MKL_CBWR", "AUTO,STRICT")
