"""The verifier alone in the cloud, one token a pass: the prompt goes up, tokens come down. The baseline to beat."""

from __future__ import annotations

from typing import Literal

from channels.codec import wire
from simulator.schemes.base import Scheme


class CloudOnly(Scheme):
    """Autoregressive decoding by the verifier; each token is streamed to the device as it comes."""

    kind: Literal["cloud_only"] = "cloud_only"

    def format(self, vocabulary: int) -> wire.Format:
        return wire.Format(vocabulary, resolution=1, max_drafts=1)
