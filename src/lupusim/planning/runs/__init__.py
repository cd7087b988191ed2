"""Operating characteristics of a scenario's design points, from replicates.

`run` is the way in: it simulates each `series` of blocks, those of designs that share patients
together (`grouping`), until `precision` has enough, and makes `results` of their sums.
"""
