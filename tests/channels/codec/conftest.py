"""Makes the shared strategies of this folder importable as `codec_strategies`."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
