"""Results for people: numbers rounded to what the simulation knows, tables, sentences."""

__all__ = [
    "calibration",
    "economics",
    "figures",
    "models",
    "numbers",
    "questions",
    "run",
]
