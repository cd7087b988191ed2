"""Free parameters of a model: where they stand, on which scale, and what is held before."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import field, fields, replace
from enum import Enum

import numpy as np

from lupusim.common.arrays import FloatArray
from lupusim.common.frozen import dataclass
from lupusim.common.spelling import nearest
from lupusim.errors import Problem, fault_and_fix
from lupusim.model import Hazard, LatentClass, MultiStateModel


class Transform(Enum):
    """The scale on which a parameter is unbounded."""

    LOG = "log"
    LOGIT = "logit"
    NONE = "none"

    def free(self, value: float) -> float:
        """Return a natural value on the unbounded scale."""
        if self is Transform.NONE:
            return value
        return math.log(value) if self is Transform.LOG else math.log(value / (1 - value))

    def natural(self, value: FloatArray) -> FloatArray:
        """Return unbounded values on the natural scale; same shape."""
        if self is Transform.NONE:
            return value
        if self is Transform.LOG:
            return np.asarray(np.exp(value))
        return np.asarray(1 / (1 + np.exp(-value)))

    @property
    def widest(self) -> tuple[float, float]:
        """Bounds within which a parameter is looked for unless its model says its own."""
        if self is Transform.NONE:
            return (-20.0, 20.0)
        return (1e-4, 1e3) if self is Transform.LOG else (1e-4, 1 - 1e-4)


@dataclass(frozen=True, slots=True, kw_only=True)
class NormalPrior:
    """A normal prior on the unbounded scale."""

    mean: float
    sd: float
    """`mean` and `sd`: in log or logit units."""

    def __post_init__(self) -> None:
        if not math.isfinite(self.mean):
            raise ValueError(f"mean={self.mean!r} must be a finite number")
        if not (math.isfinite(self.sd) and self.sd > 0):
            raise ValueError(f"sd={self.sd!r} must be a finite number above 0")


@dataclass(frozen=True, slots=True, kw_only=True)
class FreeParameter:
    """One number that calibration may change, at one place of the model or at several."""

    name: str  # in words, as tables print it
    places: Mapping[str, float]
    """Where it stands, and what it is multiplied with there: ``"active -> death.rate"``, ``"active
    -> death.rates.1"`` (second piece), ``"classes.responder.probability"`` (the other classes share
    the rest), ``"classes.responder.hazard_ratios.active -> death"`` or, where patients are fitted,
    ``"covariates.age.active -> death"``, a log hazard ratio per unit."""
    transform: Transform
    """Log for what is above 0, logit for probabilities, none for log hazard ratios."""
    prior: NormalPrior
    """What is held before the targets are seen. Used by the posterior, and by the search only to
    choose among points that the targets cannot tell apart."""
    bounds: tuple[float, float] | None = None
    """Natural limits of the search; default those of the transform."""

    def __post_init__(self) -> None:
        if not self.places:
            raise ValueError(f"{self.name!r} stands nowhere in the model; give its places")
        low, high = self.bounds or self.transform.widest
        least = -math.inf if self.transform is Transform.NONE else 0.0
        if not least < low < high:
            raise ValueError(f"bounds={self.bounds!r} must be increasing and above {least:g}")
        if self.transform is Transform.LOGIT and high >= 1:
            raise ValueError(f"bounds={self.bounds!r} of a probability must lie below 1")

    @property
    def free_bounds(self) -> tuple[float, float]:
        """The bounds on the unbounded scale."""
        low, high = self.bounds or self.transform.widest
        return self.transform.free(low), self.transform.free(high)


@dataclass(frozen=True, slots=True, kw_only=True)
class FreeModel:
    """A model, and which of its numbers are free.

    Raises
    ------
    ValueError
        If a place does not exist in the model; every problem is named.
    """

    model: MultiStateModel  # with the numbers it has at present
    parameters: tuple[FreeParameter, ...]  # in the order of every parameter vector
    target_set: str = ""  # which targets of the evidence it is to be fitted to, such as ``durable``
    evidence: tuple[str, ...] = ()  # names of the studies it is usually fitted to
    hazard_places: tuple[tuple[int, str, int | None, int, float], ...] = field(
        init=False, repr=False, default=()
    )
    class_places: tuple[tuple[int, str, int, float], ...] = field(
        init=False, repr=False, default=()
    )
    covariate_places: tuple[tuple[str, int, int, float], ...] = field(
        init=False, repr=False, default=()
    )

    def __post_init__(self) -> None:
        if problems := place_problems(self.model, self.parameters):
            raise ValueError("; ".join(map(str, problems)))
        hazards, classes, covariates = [], [], []
        for position, parameter in enumerate(self.parameters):
            for place, factor in parameter.places.items():
                if place.startswith("classes."):
                    k, what = _class_place(self.model, place)
                    classes.append((k, what, position, factor))
                elif place.startswith("covariates."):
                    name, k = _covariate_place(self.model, place)
                    covariates.append((name, k, position, factor))
                else:
                    k, what, piece = _hazard_place(self.model, place)
                    hazards.append((k, what, piece, position, factor))
        object.__setattr__(self, "hazard_places", tuple(hazards))
        object.__setattr__(self, "class_places", tuple(classes))
        object.__setattr__(self, "covariate_places", tuple(covariates))

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the parameters."""
        return tuple(parameter.name for parameter in self.parameters)

    @property
    def bounds(self) -> FloatArray:
        """Limits of the search on the unbounded scale; shape (n_parameters, 2)."""
        return np.array([parameter.free_bounds for parameter in self.parameters]).reshape(-1, 2)

    @property
    def prior_mean(self) -> FloatArray:
        """Means of the priors on the unbounded scale; shape (n_parameters,)."""
        return np.array([parameter.prior.mean for parameter in self.parameters])

    @property
    def prior_sd(self) -> FloatArray:
        """Standard deviations of the priors; shape (n_parameters,)."""
        return np.array([parameter.prior.sd for parameter in self.parameters])

    def natural(self, free: FloatArray) -> FloatArray:
        """Return parameter vectors on their natural scales; shape (..., n_parameters)."""
        columns = [p.transform.natural(free[..., k]) for k, p in enumerate(self.parameters)]
        return np.stack(columns, axis=-1) if columns else np.empty(free.shape)

    def model_at(self, free: FloatArray) -> MultiStateModel:
        """Return the model at a parameter vector on the unbounded scale, (n_parameters,)."""
        values = np.atleast_2d(self.natural(free))
        free_ones = {place[0] for place in self.hazard_places}
        transitions = tuple(
            replace(one, hazard=self.hazards_at(k, values)[0]) if k in free_ones else one
            for k, one in enumerate(self.model.transitions)
        )
        classes = self._classes(values[0].tolist())
        covariates = {name: dict(ratios) for name, ratios in self.model.covariates.items()}
        for name, k, position, factor in self.covariate_places:
            edge = (self.model.transitions[k].from_state, self.model.transitions[k].to_state)
            covariates[name][edge] = float(values[0, position] * factor)
        return replace(self.model, transitions=transitions, classes=classes, covariates=covariates)

    def hazards_at(self, transition: int, values: FloatArray) -> list[Hazard]:
        """Return the hazard of one transition, by position, at natural values (n, n_parameters)."""
        hazard = self.model.transitions[transition].hazard
        mine = [place[1:] for place in self.hazard_places if place[0] == transition]
        return [_changed(hazard, mine, row) for row in values.tolist()]

    def _classes(self, values: Sequence[float]) -> tuple[LatentClass, ...]:
        """Return the latent classes; those without a free probability share what is left."""
        classes = list(self.model.classes)
        given: dict[int, float] = {}
        for k, what, position, factor in self.class_places:
            if what == "probability":
                given[k] = values[position] * factor
                continue
            from_state, to_state = what.split(" -> ")
            ratios = {**classes[k].hazard_ratios, (from_state, to_state): values[position] * factor}
            classes[k] = replace(classes[k], hazard_ratios=ratios)
        if given:
            rest = sum(c.probability for k, c in enumerate(classes) if k not in given)
            left = max(0.0, 1 - sum(given.values()))
            for k, latent_class in enumerate(classes):
                share = latent_class.probability / rest * left if rest > 0 else 0.0
                classes[k] = replace(latent_class, probability=given.get(k, share))
        return tuple(classes)


def _changed(
    hazard: Hazard, places: Sequence[tuple[str, int | None, int, float]], values: Sequence[float]
) -> Hazard:
    """Return the hazard with the parameter values at their places."""
    changes: dict[str, float | tuple[float, ...]] = {}
    for what, piece, position, factor in places:
        value = values[position] * factor
        if piece is None:
            changes[what] = value
        else:
            rates = list(changes.get(what, getattr(hazard, what)))
            rates[piece] = value
            changes[what] = tuple(rates)
    return replace(hazard, **changes) if changes else hazard  # type: ignore[type-var]


def _apart(path: str, names: Iterable[str]) -> tuple[str, str]:
    """Return the name that a path begins with, which may hold dots, and what follows it."""
    known = [name for name in names if path == name or path.startswith(f"{name}.")]
    name = max(known, key=len, default=path.partition(".")[0])
    return name, path[len(name) + 1 :]


def _hazard_place(model: MultiStateModel, place: str) -> tuple[int, str, int | None]:
    labels = [transition.label for transition in model.transitions]
    label, path = _apart(place, labels)
    what, _, piece = path.partition(".")
    if label not in labels:
        raise ValueError(f"the model has no transition {label!r}. {nearest(label, labels)}")
    k = labels.index(label)
    hazard = model.transitions[k].hazard
    names = [f.name for f in fields(hazard)]  # type: ignore[arg-type]
    if what not in names:
        raise ValueError(f"the hazard of {label} has no {what!r}. {nearest(what, names)}")
    many = isinstance(getattr(hazard, what), tuple)
    if many != piece.isdigit() or (many and int(piece) >= len(getattr(hazard, what))):
        raise ValueError(f"{place!r} does not name one number. Write '.rates.0' for a first piece")
    return k, what, int(piece) if many else None


def _class_place(model: MultiStateModel, place: str) -> tuple[int, str]:
    names = [latent_class.name for latent_class in model.classes]
    name, what = _apart(place.removeprefix("classes."), names)
    if name not in names:
        raise ValueError(f"the model has no class {name!r}. {nearest(name, names)}")
    if what == "probability":
        return names.index(name), what
    label = what.removeprefix("hazard_ratios.")
    labels = [transition.label for transition in model.transitions]
    if label not in labels:
        raise ValueError(
            f"{place!r} is neither a probability nor a ratio. {nearest(label, labels)}"
        )
    return names.index(name), label


def _covariate_place(model: MultiStateModel, place: str) -> tuple[str, int]:
    name, label = _apart(place.removeprefix("covariates."), model.covariates)
    if name not in model.covariates:
        raise ValueError(f"the model has no covariate {name!r}. {nearest(name, model.covariates)}")
    labels = [transition.label for transition in model.transitions]
    if label not in labels:
        raise ValueError(f"the model has no transition {label!r}. {nearest(label, labels)}")
    return name, labels.index(label)


def _check_place(model: MultiStateModel, place: str) -> None:
    """Raise ValueError if a place does not exist."""
    kinds = {"classes": _class_place, "covariates": _covariate_place}
    kinds.get(place.partition(".")[0], _hazard_place)(model, place)


def place_problems(model: MultiStateModel, parameters: Sequence[FreeParameter]) -> list[Problem]:
    """Return every place that the model lacks, and every place that two parameters claim."""
    problems = []
    claimed: dict[str, str] = {}
    for k, parameter in enumerate(parameters):
        for place in parameter.places:
            key = f"calibration.parameters.{k}.places.{place}"
            try:
                _check_place(model, place)
            except ValueError as error:
                fault, _, fix = str(error).partition(". ")
                problems.append(Problem(key=key, fault=fault, fix=fix))
            if place in claimed:
                fault = f"{claimed[place]!r} stands there already"
                problems.append(Problem(key=key, fault=fault, fix="Keep one of the two."))
            claimed[place] = parameter.name
    return problems


def bound_problems(free: FreeModel) -> list[Problem]:
    """Return every bound of a search at which the model can't be: a probability above 1, say."""
    problems = []
    for k, parameter in enumerate(free.parameters):
        alone = replace(free, parameters=(parameter,))
        for bound in alone.bounds[0]:
            try:
                alone.model_at(np.array([bound]))
            except ValueError as error:
                value, (fault, _) = parameter.transform.natural(bound), fault_and_fix(error)
                problems.append(
                    Problem(
                        key=f"calibration.parameters.{k}",
                        fault=f"{parameter.name!r} is looked for up to {value:.6g}, but {fault}",
                        fix="Give 'bounds' that the model can have, or another 'transform'.",
                    )
                )
    return problems
