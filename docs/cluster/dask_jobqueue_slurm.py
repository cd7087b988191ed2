"""Let dask-jobqueue ask SLURM for workers, and run a scenario on them.

pip install 'lupusim[cluster]' dask-jobqueue, then on the login node:
python dask_jobqueue_slurm.py SCENARIO REPLICATES FOLDER
"""

from __future__ import annotations

import sys
from pathlib import Path

from dask_jobqueue import SLURMCluster

from lupusim import load_scenario, run
from lupusim.planning.execution.dask_cluster import DaskCluster
from lupusim.planning.execution.ledger import Existing
from lupusim.planning.runs.run import RunOptions


def main() -> None:
    """Ask for workers, simulate, print the table."""
    name, replicates, folder = sys.argv[1:]
    with SLURMCluster(cores=1, processes=1, memory="1GB", walltime="02:00:00") as cluster:
        cluster.scale(jobs=40)
        cluster.wait_for_workers(1)
        options = RunOptions(
            folder=Path(folder),
            existing=Existing.RESUME,
            workers=DaskCluster(address=cluster.scheduler_address),
        )
        result = run(load_scenario(name), int(replicates), options=options)
    print(result.operating_characteristics.to_string())


if __name__ == "__main__":
    main()
