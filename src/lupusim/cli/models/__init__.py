"""Commands on a disease's model: questions, cohorts, costs, pictures, calibration."""

__all__ = ["ask", "calibrate", "cohort", "decide", "draw"]
