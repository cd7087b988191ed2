"""Evidence in words: the cohort, and each published result with the words of its source."""

from __future__ import annotations

from lupusim.calibration.targets.studies import Role, Study


def evidence_in_words(study: Study) -> str:
    """Return a study in lines: its patients, then every result and how it is known."""
    lines = [f"{study.name}: {study.description}" if study.description else study.name, ""]
    lines.append(f"{study.n_patients} patients ({study.cohort}). {study.citation}")
    if study.overlaps:
        lines.append(f"Shares patients, or may, with {', '.join(study.overlaps)}.")
    lines.append("Results:")
    for target in study.targets:
        use = "" if target.role is Role.FIT else "; a check, not fitted"
        sets = f"; for {', '.join(target.sets)}" if target.sets else ""
        lines.append(f"  {target.name} ({target.how_known}{sets}{use})")
        if target.quote:
            lines.append(f"    {' '.join(target.quote.split())}")
    return "\n".join(lines)
