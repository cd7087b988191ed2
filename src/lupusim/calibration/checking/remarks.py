"""What a reader must know of the data behind a fit: patients counted twice, in parts, unread."""

from __future__ import annotations

from lupusim.calibration.estimation.likelihood import Likelihood
from lupusim.calibration.targets.studies import overlap_warnings

_WHOLE = 1e-6  # patients: nearer to a whole number is one


def remarks(likelihood: Likelihood) -> tuple[str, ...]:
    """Return what is unusual about the data of a likelihood, one sentence each."""
    studies = {study.name: study for study, _ in likelihood.targets}
    overlaps = overlap_warnings(list(studies.values()), likelihood.free_model.target_set)
    return (*overlaps, *_parts_of_patients(likelihood), *_unread_columns(likelihood))


def _parts_of_patients(likelihood: Likelihood) -> list[str]:
    """Return which counts are not whole where patients are counted, as of a percentage of some."""
    found = []
    for study, target in likelihood.targets:
        measure = target.measure
        if not measure.counts_patients:
            continue
        cells = zip(measure.labels, measure.observed, measure.denominators, strict=True)
        broken = [
            f"{label} {count:.4g} of {n:.4g}"
            for label, count, n in cells
            if abs(count - round(count)) > _WHOLE and not label.startswith("not")
        ]
        found += [f"{study.name}, {target.name}: {', '.join(broken)}"] if broken else []
    if not found:
        return []
    return [
        f"Counts that are no whole patients, taken as they stand: {'; '.join(found)}. Write the "
        "counts themselves where they are published: of a percentage they are only nearly right."
    ]


def _unread_columns(likelihood: Likelihood) -> list[str]:
    """Return which columns of tables of patients had no part in the fit."""
    seen = [one.stays or one.panel for one in likelihood.patients]
    names = dict.fromkeys(name for one in seen if one is not None for name in one.unread)
    if not names:
        return []
    return [
        f"Columns of the table of patients that were not read: {', '.join(names)}. Of further "
        "columns only those are that the model names under covariates."
    ]
