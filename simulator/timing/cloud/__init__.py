"""The cloud: servers that run the verifier's passes, in time.

`routing` sends jobs to the pool and owns the clock, `pools` holds servers with the queue that they take from,
`batching` says which jobs share a pass, `kv` what a server's memory holds and reserves, `pass_times` how long a pass
takes and what each class of devices has had of it, `job` what is submitted. What a user may choose is in
`cell.cloud_config`.
"""

from simulator.timing.cloud.job import Job
from simulator.timing.cloud.routing import Cloud

__all__ = ["Cloud", "Job"]
