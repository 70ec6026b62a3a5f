"""The cloud: servers that run the verifier's passes, in time.

`job` is what is submitted, `kv_memory` what a server caches, `kv_reservations` what it keeps free for requests that are
let in whole, `server_pool` a queue with the servers that take from it, `server_pass_times` how long their passes
take. `class_use` says what each class of devices has taken. `cloud`
routes jobs to pools and owns the clock. What a user may choose is in `cell.cloud_config`.
"""

from simulator.timing.cloud.cloud import Cloud
from simulator.timing.cloud.job import Job

__all__ = ["Cloud", "Job"]
