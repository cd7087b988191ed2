"""Compiled forms of what costs most, by Numba where it is installed (extra ``fast``).

`choice` is the one seam: a function in NumPy that has a compiled form beside it says where, and
what it does is the same to the bit whichever of the two is used.
"""
