"""Numerics shared by the tests: columns, strata, Newton steps, normal orthants; rehearsals."""

__all__ = [
    "binomial",
    "columns",
    "labels",
    "newton",
    "normal_orthant",
    "rehearsal",
    "strata",
    "student_t",
    "win_levels",
    "win_statistics",
]
