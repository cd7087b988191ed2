"""Files that lupusim reads and writes: scenarios, models, evidence, draws."""

__all__ = [
    "calibration_block",
    "cohort_model",
    "decision",
    "draws",
    "evidence",
    "life_table",
    "model",
    "model_writer",
    "packaged",
    "patients",
    "scenario",
    "shorthand",
    "variation",
    "what_if",
]
