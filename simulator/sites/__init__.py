"""Many sites: each a radio cell with its share of the cloud, simulated by the workers of a Dask cluster, which write
their rows as partitions and summarise them there."""
