"""How many threads linear algebra may take."""

ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
"""What the environment of a process says, so that its small matrices are multiplied by one thread:
more of them wait for each other longer than they work. Cores are used by processes."""
