"""Tables that are drawn from their law: as many `tables` as are asked for, decided by the tests.

`controls` take out of them what `sums` know: the law of a sum over all patients.
"""
