"""How long a message waits for its grant before it may queue: longer where its device must first get a connection."""

from __future__ import annotations

from math import inf

from channels.link.link_config import LinkConfig


class Access:
    """The grants of one link's devices.

    Simplified: only what a device sends keeps its connection; what it hears does so too in LTE and NR. While one waits
    for its connection, its later messages wait for the same one.
    """

    def __init__(self, config: LinkConfig) -> None:
        self._config = config
        self._connected_s: dict[int, float] = {}
        """By device: when its latest message was, or will be, granted."""

    def wait_s(self, device: int, now_s: float, left_s: float) -> float:
        """Of a message that a device puts now; `left_s` is when the last bit of its last packet left, -inf if none."""
        config = self._config
        if config.idle_after_s is None:
            return config.access_s
        granted_s = self._connected_s.get(device, -inf)
        silent_s = now_s - max(granted_s, left_s)
        idle = silent_s >= config.idle_after_s
        wait_s = config.idle_access_s if idle else max(config.access_s, granted_s - now_s)
        self._connected_s[device] = now_s + wait_s
        return wait_s
