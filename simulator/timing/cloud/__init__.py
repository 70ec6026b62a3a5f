"""The cloud: servers that run the verifier's passes, in time.

`job` is what it is asked for, `kv_memory` what a server remembers, `door` who is let into a memory that holds whole
requests, `pool` a queue with the servers that take batches from it, `server_passes` how long those take, `cloud` routes
jobs to pools and owns the clock.
What a user may choose is in `cell.cloud_config`.
"""

from simulator.timing.cloud.cloud import Cloud
from simulator.timing.cloud.job import Job

__all__ = ["Cloud", "Job"]
