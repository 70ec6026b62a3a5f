"""The cloud: servers that run the verifier's passes, in time.

`job` is what is submitted, `kv_memory` what a server caches and who is admitted to it, `pool` a queue with the servers
that take batches from it; `cloud` routes jobs to pools, owns the clock, and knows how long passes take. What a user may
choose is in `cell.cloud_config`.
"""

from simulator.timing.cloud.cloud import Cloud
from simulator.timing.cloud.job import Job

__all__ = ["Cloud", "Job"]
