"""Numerics shared by the tests: columns, strata, Newton steps, normal orthants."""

__all__ = [
    "columns",
    "labels",
    "newton",
    "normal_orthant",
    "strata",
    "student_t",
]
