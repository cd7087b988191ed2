"""Which trials have control variates, and what these are."""

from __future__ import annotations

import math

import numpy as np

from lupusim.common.arrays import FloatArray
from lupusim.common.frozen import dataclass
from lupusim.planning.controls.first_events import first_entries
from lupusim.planning.controls.influence import influence
from lupusim.planning.controls.kinds import is_sum_of_values, is_timed
from lupusim.planning.controls.patients import (
    CELLS,
    STRIDE,
    PatientLaw,
    centered,
    log_characteristic,
    variances,
)
from lupusim.planning.controls.sums import MANY_NODES, NODES, frequencies, step_means
from lupusim.planning.controls.values import log_characteristic as log_characteristic_of_values
from lupusim.planning.controls.values import quadratic, value_law
from lupusim.planning.controls.values import variances as variances_of_values
from lupusim.planning.theory.assumptions import without_failing
from lupusim.simulation.controls import Control, CutDate, Score, TimesToCut, Values
from lupusim.simulation.generation.generation import Block, enroll
from lupusim.simulation.looks.look_statistics import Comparison, comparisons
from lupusim.trial import Cutoff, Trial
from lupusim.trial.durations import LONGEST_FOLLOW_UP
from lupusim.trial.endpoints import EventTime
from lupusim.trial.looks import Entries, EventCount

_SEED = 2**61 - 3  # of no run: what is averaged over enrollments shares nothing with a run
_ENROLLED = 120_000  # patients whose enrollment is drawn
_FEWEST_DRAWS = 100
_SCALE = 0.15  # of a logistic law with the spread of a log-rank statistic given its sum
_OFFSETS = (-0.3, 0.0, 0.3)  # steps besides the expected place, which theory knows nearly
_HALVINGS = 40
_COARSE = 400  # cells by which a date is to be expected
_SLACK = 2.0  # how much more a date may move than among the enrollments drawn
_ARMS = 2
_MANY = 60  # patients whose sum is nearly normal
_KEPT = 64  # trials remembered by a process
_known: dict[str, Control | None] = {}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Baseline:
    """Enrollments and allocations of some trials, before anything happens."""

    enrolled: FloatArray  # calendar times (years); (n_draws, n_patients)
    arm: np.ndarray  # arm of each patient; (n_draws, n_patients)

    @classmethod
    def of(cls, trial: Trial) -> _Baseline:
        n_draws = max(_FEWEST_DRAWS, _ENROLLED // trial.n_patients)
        patients, arm, _ = enroll(trial, Block(seed=_SEED, number=0, n_replicates=n_draws))
        assert patients.enrollment_time is not None  # they have come
        return cls(enrolled=patients.enrollment_time, arm=arm)


def known_control(name: str, trial: Trial) -> Control | None:
    """Return the same as :func:`control_of`, remembered by the name of the trial."""
    if name not in _known:
        if len(_known) >= _KEPT:
            _known.clear()
        _known[name] = control_of(trial)
    return _known[name]


@without_failing(None)
def control_of(trial: Trial) -> Control | None:
    """Return what of a trial's replicates is known in law; None where nothing is.

    Parameters
    ----------
    trial : Trial
        One that has some, by :func:`~lupusim.planning.controls.kinds.is_controlled`.
    """
    baseline = _Baseline.of(trial)
    scores: list[Score] = []
    for one in comparisons(trial):
        if is_timed(trial, one):
            scores += _timed(trial, one, baseline)
        elif is_sum_of_values(trial, one):
            scores += _valued(trial, one, baseline)
    return Control(scores=scores) if scores else None


def _timed(trial: Trial, asked: Comparison, baseline: _Baseline) -> list[Score]:
    """Return the sums of a test of times, look by look."""
    endpoint = trial.endpoints[asked.endpoint].time_of_event
    assert endpoint is not None  # only times come here
    dates = [_date(trial, look, baseline) for look in trial.looks]
    if not all(map(math.isfinite, dates)):
        return []
    cuts = [_cut(look, d, baseline) for look, d in zip(trial.looks, dates, strict=True)]
    longest = min(trial.follow_up, LONGEST_FOLLOW_UP, max(cut.bounds[1] for cut in cuts))
    law = _law(trial, endpoint, np.linspace(0.0, longest, CELLS + 1))
    return _scores(trial, asked, law, cuts, baseline)


def _valued(trial: Trial, asked: Comparison, baseline: _Baseline) -> list[Score]:
    """Return the sum of a test of means or shares."""
    from scipy.special import ndtr, stdtrit

    endpoint, test = trial.endpoints[asked.endpoint], asked.analysis.test
    law = value_law(trial, endpoint, test)
    on_new = baseline.arm.sum(axis=1, dtype=float)
    sizes = np.stack([baseline.arm.shape[1] - on_new, on_new], axis=1)
    null = test.null_value(endpoint.better)
    expected = sizes.mean(axis=0)
    mean, adds = quadratic(law, expected, null)
    (bounds,) = _levels(trial, asked)
    if endpoint.change_of_marker is not None:
        bounds = stdtrit(float(expected @ law.known) - _ARMS, ndtr(bounds))
    middle = test.benefit_sign(endpoint.better) * bounds - mean
    thresholds = (middle[:, None] + np.array(_OFFSETS)).ravel()
    size = math.sqrt(float(expected @ variances_of_values(law, adds)))
    nodes = frequencies(size, NODES if trial.n_patients >= _MANY else MANY_NODES)
    log_law = log_characteristic_of_values(law, adds, nodes)
    steps = step_means(sizes @ log_law, nodes, thresholds, _SCALE)
    parts = Values(endpoint=asked.endpoint, adds=adds)
    return [Score(sum=parts, thresholds=thresholds, scale=_SCALE, means=steps)]


class _Expected:
    """When looks are to be expected, from draws of the enrollment."""

    def __init__(self, trial: Trial, baseline: _Baseline) -> None:
        self.trial, self.enrolled = trial, baseline.enrolled

    def time_of(self, timing: Cutoff) -> float:
        """Return the mean time of a clock that knows enrollment alone."""
        return float(timing.calendar_time(Entries(enrolled=self.enrolled)).mean())

    def time_of_events(self, count: EventCount) -> float:
        """Return when as many events are to be expected; ``inf`` for never."""
        trial, endpoint = self.trial, self.trial.endpoints[count.endpoint].time_of_event
        if endpoint is None or not count.of_primary:
            return math.nan
        longest = min(trial.follow_up, LONGEST_FOLLOW_UP)
        came: FloatArray = self.enrolled.mean(axis=0)  # who comes first, second ...
        shares = np.array(trial.ratio) / sum(trial.ratio) * trial.n_patients
        # cells that grow: hazards change early, and a follow-up may have no end
        times = longest * np.linspace(0.0, 1.0, _COARSE + 1) ** 2
        seen = _law(trial, endpoint, times).event.cumsum(axis=1)
        had = np.append(0.0, shares @ seen)

        def expected(date: float) -> float:
            return float(np.interp(date - came, times, had).mean())

        low, high = 0.0, float(came[-1]) + longest
        if expected(high) < count.events:
            return math.inf
        for _ in range(_HALVINGS):
            middle = (low + high) / 2
            low, high = (middle, high) if expected(middle) < count.events else (low, middle)
        return high


def _date(trial: Trial, look: Cutoff, baseline: _Baseline) -> float:
    """Return when a look is to be expected, calendar time (years)."""
    return look.expected_time(_Expected(trial, baseline))


def _cut(look: Cutoff, date: float, baseline: _Baseline) -> CutDate:
    """Return the date at which the sum of a look is taken, given the enrollment."""
    first = int(np.clip(np.ceil((baseline.enrolled <= date).sum(axis=1).mean()), 1, None))
    means = baseline.enrolled[:, :first].mean(axis=1)
    mean = float(means.mean())
    reach = 0.0 if look.date is not None else _SLACK * float(np.abs(means - mean).max())
    bounds = max(date - reach, date / 2), date + reach
    return CutDate(date=date, first=first, mean=mean, bounds=bounds)


def _law(trial: Trial, endpoint: EventTime, edges: FloatArray) -> PatientLaw:
    """Return when a patient of each arm has the event, or leaves without one, in cells of time.

    Raises
    ------
    NoExactSolutionError
        If the exact engine does not reach its tolerance.
    """
    multipliers = trial.dropout.in_arms([arm.name for arm in trial.arms])
    event, left = np.zeros((2, _ARMS, edges.size - 1))
    for number, arm in enumerate(trial.arms):
        stays = np.exp(-multipliers[number] * trial.dropout.cumulative(edges))
        had, other = first_entries(arm.law, endpoint.events, endpoint.competing, edges)
        present, free = _middle(stays), _middle(1.0 - had - other)
        event[number] = np.diff(had) * present
        left[number] = np.diff(other) * present - free * np.diff(stays)
    return PatientLaw(width=float(edges[-1]) / (edges.size - 1), event=event, exit=left)


def _middle(at_edges: FloatArray) -> FloatArray:
    return np.asarray((at_edges[1:] + at_edges[:-1]) / 2)


def _scores(
    trial: Trial, asked: Comparison, law: PatientLaw, cuts: list[CutDate], baseline: _Baseline
) -> list[Score]:
    """Return the sums of all looks, with the steps where their bounds are to be expected."""
    spread = [_spread(law, cut, baseline) for cut in cuts]
    watched = [_watched(there.mean(axis=0)) for there in spread]
    test, better = asked.analysis.test, trial.endpoints[asked.endpoint].better
    sign, null = test.benefit_sign(better), test.null_value(better)
    # the statistic of ranks is that of no effect, whatever margin it is moved by
    margin = null if test.nearly == "ranks" else 0.0
    tests = [
        influence(test, law, w, at_events=look.counted is not None, null=null)
        for w, look in zip(watched, trial.looks, strict=True)
    ]
    known = [one for one in tests if one is not None]
    if len(known) < len(tests):
        return []
    shown = np.array([[(one.mean / math.sqrt(one.information)) for one in known]])
    bounds = _bounds(trial, asked, np.array([[one.information for one in known]]), shown)
    found = []
    for number, (one, there) in enumerate(zip(known, spread, strict=True)):
        middle = sign * bounds[number] + margin * math.sqrt(one.information) - one.mean
        if middle.size == 0:  # nothing is decided at this look
            continue
        last = number == len(known) - 1
        thresholds = (middle[:, None] + np.array(_OFFSETS if last else (0.0,))).ravel()
        size = math.sqrt(float((there.mean(axis=0) * variances(law, one.adds)[:, ::STRIDE]).sum()))
        nodes = frequencies(size, NODES if trial.n_patients >= _MANY else MANY_NODES)
        log_law = log_characteristic(law, one.adds, nodes)
        sums = np.tensordot(there, log_law, axes=([1, 2], [0, 1]))
        steps = step_means(sums, nodes, thresholds, _SCALE)
        parts = TimesToCut(endpoint=asked.endpoint, cut=cuts[number], table=centered(law, one.adds))
        found.append(Score(sum=parts, thresholds=thresholds, scale=_SCALE, means=steps))
    return found


def _spread(law: PatientLaw, cut: CutDate, baseline: _Baseline) -> FloatArray:
    """Return how many patients of each arm have how much time before the cut.

    Returns
    -------
    (n_draws, 2, n_times) array
        Each patient counts in part for both times beside.
    """
    n_draws, n_times = len(baseline.enrolled), CELLS // STRIDE + 1
    there = cut.of(baseline.enrolled)[:, None] - baseline.enrolled
    place = np.clip(there / (STRIDE * law.width), 0.0, n_times - 1)
    below = np.minimum(place.astype(np.intp), n_times - 2)
    part = place - below
    row = (np.arange(n_draws)[:, None] * _ARMS + baseline.arm) * n_times + below
    size = n_draws * _ARMS * n_times
    counts = np.bincount(row.ravel(), (1 - part).ravel(), size)
    counts += np.bincount(row.ravel() + 1, part.ravel(), size)
    return np.asarray(counts.reshape(n_draws, _ARMS, n_times))


def _watched(there: FloatArray) -> FloatArray:
    """Return how many patients are not cut before a study time, (2, n_cells + 1)."""
    from_here = np.cumsum(there[:, ::-1], axis=1)[:, ::-1]
    coarse = np.arange(there.shape[1]) * STRIDE
    fine = np.arange(CELLS + 1)
    # who is cut at a time of the grid stands for those around it
    half = from_here - there / 2
    half[:, 0] = there.sum(axis=1) - there[:, 0]
    return np.array([np.interp(fine, coarse, row) for row in half])


def _bounds(
    trial: Trial, asked: Comparison, information: FloatArray, estimate: FloatArray
) -> list[FloatArray]:
    """Return where each look decides, in favor of the experimental arm."""
    if trial.stopping is None or not trial.interims:
        return _levels(trial, asked)
    both = trial.stopping.bounds_at(information / information[0, -1], estimate)
    found = [np.unique(pair[np.isfinite(pair)]) for pair in np.stack(both)[:, 0, :].T]
    return _on_sides(found, asked.analysis.sided)


def _levels(trial: Trial, asked: Comparison) -> list[FloatArray]:
    """Return where the only look decides: of several hypotheses with all of alpha, or its part."""
    from scipy.special import ndtri

    analysis = asked.analysis
    shares = {1, len(comparisons(trial))}
    levels = [-float(ndtri(analysis.alpha / analysis.sided / share)) for share in sorted(shares)]
    return _on_sides([np.array(levels)], analysis.sided)


def _on_sides(bounds: list[FloatArray], sided: int) -> list[FloatArray]:
    if sided == 1:
        return bounds
    return [np.unique(np.concatenate([-one, one])) for one in bounds]
