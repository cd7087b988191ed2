"""Commands on a disease's model: questions, cohorts, costs, pictures, calibration."""
