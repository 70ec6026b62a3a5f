"""Makes the shared strategies of this folder importable as `codec_strategies`; compiling is no reason to fail."""

import sys
from pathlib import Path

from hypothesis import settings

sys.path.insert(0, str(Path(__file__).parent))
settings.register_profile("codec", deadline=None)
settings.load_profile("codec")
