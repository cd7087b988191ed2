"""Control variates: what of a simulated trial is known exactly, so that chance can be taken out."""

__all__ = ["building", "influence", "patients"]
