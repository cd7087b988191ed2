"""Where replicates are computed and kept: workers, a cluster, ledger, shards."""
