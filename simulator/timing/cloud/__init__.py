"""The cloud: servers that run the verifier's passes, in time.

`config` says what a user may choose; `kv` is a server's cache memory; `server` forms batches; `cloud` routes jobs.
"""

from simulator.timing.cloud.cloud import Cloud
from simulator.timing.cloud.job import Job

__all__ = ["Cloud", "Job"]
