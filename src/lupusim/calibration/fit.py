"""From published counts to a model: search, profiles, what is identified, and draws."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from lupusim.calibration.checking.remarks import remarks
from lupusim.calibration.estimation.identifiability import (
    Identifiability,
    Verdict,
    judge,
    observed_information,
    standard_errors,
    verdict_words,
)
from lupusim.calibration.estimation.likelihood import Likelihood
from lupusim.calibration.estimation.parameters import FreeModel
from lupusim.calibration.estimation.profiles import Profile, profile_all
from lupusim.calibration.estimation.search import N_STARTS, Optimum, Progress, search
from lupusim.calibration.estimation.tables import conflicts, rows_as_columns, target_rows
from lupusim.calibration.estimation.tails import Tails
from lupusim.calibration.patients.aalen_johansen import comparison_rows
from lupusim.calibration.patients.contributions import PatientLikelihood
from lupusim.calibration.patients.prevalence import prevalence_rows
from lupusim.calibration.posterior.draws import Draws
from lupusim.calibration.targets.studies import Study
from lupusim.common.arrays import FloatArray
from lupusim.common.frozen import dataclass
from lupusim.common.memory import keep_freed_memory
from lupusim.common.output import IfPresent
from lupusim.model import MultiStateModel

if TYPE_CHECKING:
    import pandas as pd

_MUCH = 0.1
"""Of an error of a log likelihood, whose limits are 1.92 below its top."""

Writer = Callable[["Fit", Path, IfPresent], None]
"""Writes a fit where it is told; files are known to the scenario layer alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fit:
    """A calibrated model and all that is known of it.

    Parameters
    ----------
    likelihood : Likelihood
        Targets and model.
    optima : tuple of Optimum
        Distinct optima of the search, best first.
    profiles : tuple of Profile
        One for each parameter.
    information : (n_parameters, n_parameters) array
        Observed information at the best optimum, on the log and logit scales.
    identifiability : Identifiability
        Which parameters the targets determine.
    seed : int
        Of the search and of the draws.
    n_starts : int
        Starting points of the search.
    seconds : float
        Run time.
    draws : Draws or None
        From the posterior, on the log and logit scales; None until they are asked for.
    writer : callable or None
        What :meth:`save` calls.
    """

    likelihood: Likelihood
    optima: tuple[Optimum, ...]
    profiles: tuple[Profile, ...]
    information: FloatArray
    identifiability: Identifiability
    seed: int
    n_starts: int
    seconds: float
    draws: Draws | None = None
    writer: Writer | None = None

    def __repr__(self) -> str:
        n_free = len(self.profiles)
        return (
            f"Fit of {self.model.name!r}: {n_free} parameters, {len(self.targets)} targets, "
            f"-log L {self.negative_log_likelihood:.3f}"
            f"{'' if self.converged else ', not converged'}"
        )

    def _repr_html_(self) -> str:
        return f"<p>{escape(repr(self))}</p>{self.estimates.to_html()}"

    @property
    def best(self) -> Optimum:
        """The best optimum."""
        return self.optima[0]

    @property
    def converged(self) -> bool:
        """Whether the search ended because nothing improved; the numbers are kept if not."""
        return self.best.converged

    @property
    def negative_log_likelihood(self) -> float:
        """The kernel at the best optimum."""
        return self.best.negative_log_likelihood

    @property
    def misfit(self) -> float:
        """How far the best model is from expecting every count; 0 where it does."""
        return float(self.likelihood.misfit(self.best.free[None])[0])

    @property
    def model(self) -> MultiStateModel:
        """The model at the best optimum."""
        model = self.likelihood.free_model.model_at(self.best.free)
        return replace(model, source=self.sources)

    @property
    def free_model(self) -> FreeModel:
        """The model at the best optimum, with what is free in it."""
        evidence = tuple(study.name for study in self.likelihood.studies)
        return replace(self.likelihood.free_model, model=self.model, evidence=evidence)

    @property
    def estimates(self) -> pd.DataFrame:
        """A row per parameter.

        Columns: `parameter`, `estimate`, `standard_error` (log or logit scale), `lower` and
        `upper` (95 %, profile likelihood), `exact_limit` (in the place of the only one of
        them where the likelihood is highest at a bound, as where nobody had an event),
        `exact_lower` and `exact_upper` (further out, where few events decide), `identified`,
        `verdict` (words). A parameter that is not identified has no standard error and no
        interval.
        """
        import pandas as pd

        return pd.DataFrame(self.estimate_rows())

    def estimate_rows(self) -> list[dict[str, Any]]:
        """Return :attr:`estimates` as rows."""
        errors = standard_errors(self.information)
        found = self.likelihood.free_model.natural(np.array([o.free for o in self._equal_optima]))
        rows = []
        for k, profile in enumerate(self.profiles):
            verdict = self.identifiability.verdicts[k]
            known = verdict is Verdict.IDENTIFIED
            silent = verdict in (Verdict.FLAT, Verdict.SEVERAL)
            rows.append(
                {
                    "parameter": profile.name,
                    "estimate": profile.estimate,
                    "standard_error": float(errors[k]) if known else np.nan,
                    "lower": np.nan if silent else profile.lower,
                    "upper": np.nan if silent else profile.upper,
                    "exact_limit": np.nan if silent else profile.exact_limit,
                    "exact_lower": np.nan if silent else profile.exact_lower,
                    "exact_upper": np.nan if silent else profile.exact_upper,
                    "identified": known,
                    "verdict": self.said(verdict_words(verdict, profile, found[:, k].tolist())),
                }
            )
        return rows

    @property
    def _equal_optima(self) -> tuple[Optimum, ...]:
        top = self.negative_log_likelihood
        return tuple(o for o in self.optima if o.negative_log_likelihood - top < 0.5)

    @property
    def targets(self) -> pd.DataFrame:
        """A row per published number: observed, expected, exact 95 % limits, distance `z`."""
        import pandas as pd

        return pd.DataFrame(rows_as_columns(target_rows(self.likelihood, self.model)))

    @property
    def occupancy(self) -> pd.DataFrame:
        """Where single patients were, and where the model puts them.

        A row per time and state. Of patients with exact times the Aalen-Johansen estimate with
        its 95 % band, of a panel the share by the last visit (`observed`) with exact limits,
        of `n` patients; and the model's share. Empty where no patients were fitted.
        """
        import pandas as pd

        return pd.DataFrame(self.occupancy_rows())

    def occupancy_rows(self) -> list[dict[str, Any]]:
        """Return :attr:`occupancy` as rows."""
        rows: list[dict[str, Any]] = []
        for one in self.likelihood.patients:
            rows += [] if one.stays is None else comparison_rows(self.model, one.stays)
            rows += [] if one.panel is None else prevalence_rows(self.model, one.panel)
        return rows

    @property
    def sources(self) -> tuple[str, ...]:
        """What was fitted: names of studies, and how many single patients."""
        names = tuple(study.name for study in self.likelihood.studies)
        n = sum(patients.n_patients for patients in self.likelihood.patients)
        return (*names, f"{n} patients") if n else names

    def said(self, words: str) -> str:
        """Return words about targets as they are said of this fit: of data, if there is none."""
        return words if self.likelihood.targets else words.replace("targets", "data")

    @property
    def optima_table(self) -> pd.DataFrame:
        """A row per distinct optimum: negative log likelihood, how many starts, parameters."""
        import pandas as pd

        names = self.likelihood.free_model.names
        rows = []
        for optimum in self.optima:
            values = self.likelihood.free_model.natural(optimum.free).tolist()
            rows.append(
                {
                    "negative_log_likelihood": optimum.negative_log_likelihood,
                    "n_starts": optimum.n_starts,
                    "converged": optimum.converged,
                    **dict(zip(names, values, strict=True)),
                }
            )
        return pd.DataFrame(rows)

    @property
    def statements(self) -> tuple[str, ...]:
        """What a reader must know before using the numbers, one sentence each."""
        known, n = self.identifiability.rank, len(self.profiles)
        sentences = [*remarks(self.likelihood)]
        if known < n:
            sentences.append(
                self.said(f"The targets determine {known} combinations of {n} parameters; ")
                + f"least of all {self.identifiability.weakest} (on the log scale)."
            )
        for row in self.estimate_rows():
            if not row["identified"]:
                sentences.append(f"{row['parameter']}: {row['verdict']}.")
        bounded = np.array([len(profile.unbounded) < 2 for profile in self.profiles])
        tails = Tails(self.likelihood, standard_errors(self.information))
        sentences += [words for words in [tails.without(bounded)] if words]
        sentences += [
            f"{study.name}, {target.name}: the other targets count the same events already; "
            "checked, not fitted again."
            for study, target in self.likelihood.repeated
        ]
        sentences += [
            f"Not met by the model: {conflict}."
            for conflict in conflicts(self.likelihood, self.model)
        ]
        if (error := self._numerical_error) > _MUCH:
            sentences.append(
                f"The log likelihood of the panel may be wrong by {error:.2g}: visits are far "
                "apart for how fast patients move between them."
            )
        if not self.converged:
            sentences.append("The search did not converge; its last numbers are kept.")
        return tuple(sentences)

    @property
    def _numerical_error(self) -> float:
        return sum(one.numerical_error(self.best.free) for one in self.likelihood.patients)

    def summary(self) -> dict[str, Any]:
        """Return the fit as plain data, the keys of which are those of the command's JSON."""
        rows = target_rows(self.likelihood, self.model)
        return {
            "model": self.model.name,
            "evidence": list(self.sources),
            "negative_log_likelihood": self.negative_log_likelihood,
            "misfit": self.misfit,
            "converged": self.converged,
            "seed": self.seed,
            "n_starts": self.n_starts,
            "seconds": self.seconds,
            "estimates": [{k: plain(v) for k, v in r.items()} for r in self.estimate_rows()],
            "targets": [
                {
                    "target": f"{row.study}: {row.target}: {row.cell}",
                    "observed": row.observed,
                    "expected": row.expected,
                    "lower": row.lower,
                    "upper": row.upper,
                    "denominator": row.denominator,
                    "soft": row.soft,
                }
                for row in rows
            ],
            "occupancy": self.occupancy_rows(),
            "statements": list(self.statements),
        }

    def sampled(self, n_draws: int = 5000) -> Fit:
        """Return the fit with draws from the posterior; they carry their own diagnostics."""
        from lupusim.calibration.posterior.model_posterior import sample

        return replace(self, draws=sample(self.likelihood, self.optima, n_draws, seed=self.seed))

    def save(self, path: str | Path, if_present: IfPresent = IfPresent.REFUSE) -> None:
        """Write the calibrated model, and its draws beside it if there are any.

        Parameters
        ----------
        path : str or Path
            Of the model file.
        if_present : IfPresent
            What to do with files of these names that are there already.

        Raises
        ------
        ValueError
            If the search or the draws have not converged: such numbers are not packaged.
        OutputError, OSError
            If a file is there already and is not to be replaced, or none can be written.
        """
        if not self.converged:
            raise ValueError("the search has not converged. Give it more starting points")
        if self.draws is not None:
            self.draws.require_convergence()
        if self.writer is None:
            raise ValueError("this fit knows no file format. Use lupusim.calibrate to make it")
        self.writer(self, Path(path), if_present)


def plain(value: object) -> object:
    """Return None for what is not a number, since JSON has none."""
    return None if isinstance(value, float) and np.isnan(value) else value


def fit_studies(
    studies: Sequence[Study],
    free_model: FreeModel,
    *,
    seed: int,
    n_starts: int = N_STARTS,
    progress: Progress | None = None,
    patients: Sequence[PatientLikelihood] = (),
) -> Fit:
    """Fit a model's free parameters to the targets of studies.

    Parameters
    ----------
    studies : sequence of Study
        The evidence; of each, the targets of the model's target set.
    free_model : FreeModel
        The model and its free parameters.
    seed : int
        Names the starting points.
    n_starts : int
        How many, 20 or more.
    progress : callable, optional
        Told how many clusters of starting points are finished, of how many; then the same of
        walks to the profiles' limits.
    patients : sequence of PatientLikelihood
        Single patients, who are none of those that the studies count.

    Returns
    -------
    Fit
        Estimates by maximum likelihood, profiles, and what is not identified.

    Raises
    ------
    EvidenceError
        If a target is about a state that the model lacks, or if there is no target.
    """
    keep_freed_memory()
    begun = time.perf_counter()
    likelihood = Likelihood(free_model, studies, patients=patients)
    optima = search(likelihood, seed=seed, n_starts=n_starts, progress=progress)
    best = optima[0].free
    information = observed_information(likelihood, best)
    profiles = profile_all(
        likelihood,
        np.array([optimum.free for optimum in optima]),
        standard_errors=standard_errors(information),
        information=information,
        progress=progress,
    )
    verdicts = judge(likelihood, optima, information=information, profiles=profiles)
    return Fit(
        likelihood=likelihood,
        optima=optima,
        profiles=profiles,
        information=information,
        identifiability=verdicts,
        seed=seed,
        n_starts=n_starts,
        seconds=time.perf_counter() - begun,
    )
