"""Numerics shared by the tests: columns, strata, Newton steps, normal orthants; rehearsals."""
