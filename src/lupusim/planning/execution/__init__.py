"""Where replicates are computed and kept: workers, a cluster, ledger, shards."""

__all__ = [
    "bench",
    "dask_cluster",
    "ledger",
    "progress",
    "shards",
    "tasks",
    "workers",
]
