"""Where replicates are computed and kept: workers, a cluster, ledger, shards.

A question gets its simulations from a `bench`; `tasks` are what one of the `workers` does in one
go, and the `ledger` keeps what is done.
"""
