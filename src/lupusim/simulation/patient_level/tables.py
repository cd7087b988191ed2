"""One simulated trial, patient by patient: what a data manager would hold at its end."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from lupusim.common.arrays import FloatArray
from lupusim.common.output import Folder, apart
from lupusim.endpoints.measurement import marker_of, strikes_of, visits_of
from lupusim.endpoints.setting import MarkerValues
from lupusim.engines import named_dispense, named_engine
from lupusim.records import FirstEntry, Observation, Recorder, TransitionLog
from lupusim.records.histories import Histories
from lupusim.simulation.adaptation import rule_of
from lupusim.simulation.adaptation.response_course import potential
from lupusim.simulation.generation.generation import Block, Generated, generate
from lupusim.simulation.generation.supply import Supplied, infusions_given
from lupusim.simulation.generation.treatment import course
from lupusim.simulation.looks.cutoffs import observed
from lupusim.simulation.patient_level.adam import adsl, adtte
from lupusim.simulation.patient_level.columns import described_columns, event_columns
from lupusim.simulation.patient_level.course import Decision, adaptive_course, course_of, entries_of
from lupusim.simulation.patient_level.files import endpoint_tables, write_tables
from lupusim.simulation.patient_level.looks import LookReported
from lupusim.simulation.patient_level.supply import infusion_table, lot_table
from lupusim.trial import Trial
from lupusim.trial.durations import LONGEST_FOLLOW_UP
from lupusim.trial.scenario import Scenario

if TYPE_CHECKING:
    import pandas as pd

_TIME_TOLERANCE = 1e-9  # years: a visit due at the very cutoff takes place


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatedTrial:
    """The tables of one simulated trial, as observed up to its data cutoff.

    Parameters
    ----------
    patients : DataFrame
        A row per randomized patient: `patient`, `arm`, covariates, stratification factors,
        `weight_kg`, `first_test_time` where candidates are screened, `enrollment_time` and
        `end_time` (calendar, years: randomization, end of observation), `seen_until` (study
        time, years), `left` (why observation ended: dropout, end of follow-up, data cutoff, or
        the state that ends a history), the marker at randomization (`SLEDAI_baseline`), and of
        each intercurrent event whether and when it was seen (`rescue_seen`, `rescue_time`).
    visits : DataFrame
        A row per visit that took place: `patient`, `study_time`, `calendar_time`, `state` as it
        was seen, and `marker` where the trial has one.
    events : DataFrame
        A row per observed change of state: `patient`, `study_time`, `calendar_time`,
        `from_state`, `to_state`.
    supply : DataFrame
        A row per infusion given: `patient`, `study_time`, `calendar_time`, `cells`. Where the
        trial has a supply, also those missed (`study_time` is then when they were given up) and
        `wait` (years), `lot`, `outcome`: on time, delayed, missed, or lost (the patient died).
    lots : DataFrame
        A row per lot of the supply: `lot`, `started`, `released`, `expires` (calendar, years),
        `passed`, `doses`, `used`; no row without a supply.
    endpoints : mapping of str to DataFrame
        For each endpoint: `patient`, `arm`, and the response, or time and event.
    decisions : DataFrame
        A row per look held: `look`, `calendar_time` and `decision`, in words: whether the trial
        goes on and with whom, or stops and why.
    looks : DataFrame
        A row per look held and hypothesis, where an analysis tests what no stage or size that is
        chosen depends on: see :class:`~lupusim.simulation.patient_level.looks.LookReported`.
    calendar_cutoff : float
        Calendar time (years) of the data cutoff at which the trial ended.
    """

    patients: pd.DataFrame
    visits: pd.DataFrame
    events: pd.DataFrame
    supply: pd.DataFrame
    lots: pd.DataFrame
    endpoints: Mapping[str, pd.DataFrame]
    decisions: pd.DataFrame
    looks: pd.DataFrame
    calendar_cutoff: float

    def __repr__(self) -> str:
        return f"SimulatedTrial: {len(self.patients)} patients, {self.calendar_cutoff:.3g} years"

    def _repr_html_(self) -> str:
        return f"<p>{escape(repr(self))}</p>{self.patients.head().to_html()}"

    def to_csv(self, folder: str | Path | Folder) -> list[Path]:
        """Write a CSV file per table into a folder, made if need be; return their paths.

        Raises
        ------
        OutputError
            If the folder holds files of these names that lupusim did not write.
        """
        tables = {name: getattr(self, name) for name in ("patients", "visits", "events", "supply")}
        for name in ("lots", "decisions", "looks"):
            tables |= {} if getattr(self, name).empty else {name: getattr(self, name)}
        names = endpoint_tables(self.endpoints)
        tables |= {names[name]: table for name, table in self.endpoints.items()}
        return write_tables(tables, folder)

    def to_adam(self, folder: str | Path | Folder, below: str = "") -> list[Path]:
        """Write ADSL and ADTTE, organised after CDISC ADaM, as CSV; return their paths.

        ADSL holds a record per patient: dates in days since the first site opened (RANDDY, EOSDY),
        why observation ended (DCSREAS), covariates, strata and baseline by their own names in
        capitals, and of each intercurrent event whether it was seen (such as RESCUE_FL, Y or N)
        and the study day (RESCUE_DY). ADTTE has a record per patient and time-to-event endpoint:
        AVAL in days, CNSR 0 for an event and 1 for a censored time. They stand in the folder
        `below` the one that is given. Raises as :meth:`to_csv`.
        """
        tables = {"adsl": adsl(self.patients), "adtte": adtte(self.patients, self.endpoints)}
        return write_tables({f"{below}{name}": t for name, t in tables.items()}, folder)


def simulate_trial(
    scenario: Scenario, *, engine: str = "events", seed: int | None = None
) -> SimulatedTrial:
    """Simulate one trial and return what it observed of every patient.

    Parameters
    ----------
    scenario : Scenario
        From :func:`lupusim.load_scenario`; its first design point is simulated.
    engine : {"events", "vector"}
        Event by event (SimPy), or vectorised.
    seed : int or None
        The same seed gives the same trial; default is the scenario's own.

    Raises
    ------
    ValueError
        If the engine is unknown or the seed out of range.

    Examples
    --------
    >>> import lupusim
    >>> trial = lupusim.simulate_trial("two_rates", engine="vector", seed=1)
    >>> len(trial.patients)
    100
    """
    trial = scenario.points[0].trial
    block = Block(seed=scenario.seed if seed is None else seed, number=0, n_replicates=1)
    if trial.rule.picks_arms:
        return _arm_by_arm(trial, block, engine)
    followed = _Followed(rule_of(trial).followed(trial, block), block, engine)
    course = course_of(trial, block, followed.generated)
    return _written([_Clinic(followed, course.observation)], course.decisions, course.reported)


def _arm_by_arm(trial: Trial, block: Block, engine: str) -> SimulatedTrial:
    """Return a trial in which every patient is followed on each arm, and a rule picks one."""
    arms: list[_Followed] = []

    def follow(alone: Trial, block: Block) -> Generated:
        arms.append(_Followed(replace(alone, secondary=trial.secondary), block, engine))
        return arms[-1].generated

    patients = potential(trial, block, follow=follow)
    arm, end, decisions = adaptive_course(trial, patients)
    clinics = []
    for number, followed in enumerate(arms):
        came = np.where(arm == number, followed.generated.enrollment_time, np.inf)
        generated = replace(followed.generated, enrollment_time=came)
        clinics.append(_Clinic(followed, observed(generated, np.full(1, end))))
    return _written(clinics, decisions)


class _Followed:
    """Patients whom recorders have followed, for the tables."""

    def __init__(self, trial: Trial, block: Block, engine: str) -> None:
        self.trial, self.block = trial, block
        self.log = TransitionLog(trial.n_patients)
        self.visits = visits_of(trial, trial.n_patients, block.stream)
        self.strikes = [clock for _, clock in strikes_of(trial, trial.n_patients, block.stream)]
        absorbing = [trial.states.index(state) for state in trial.arms[0].model.absorbing or ()]
        self.death = FirstEntry(absorbing, trial.n_patients)
        listeners: list[Recorder] = [self.log, self.visits.recorder, self.death, *self.strikes]
        self.generated = generate(
            trial,
            block,
            engine=named_engine(engine),
            dispense=named_dispense(engine),
            listeners=listeners,
        )
        rng = block.stream("weight")
        self.weight = trial.population.draw_weight(trial.n_patients, rng=rng)


def _written(
    clinics: Sequence[_Clinic],
    decisions: Sequence[Decision],
    reported: Sequence[LookReported] = (),
) -> SimulatedTrial:
    """Return the tables of all clinics together."""
    import pandas as pd

    def joined(tables: Sequence[pd.DataFrame], *by: str) -> pd.DataFrame:
        if len(tables) == 1:
            return tables[0]
        kept = [table for table in tables if len(table)] or list(tables[:1])
        return pd.concat(kept).sort_values(list(by), ignore_index=True)

    names = [endpoint.name for endpoint in clinics[0].trial.endpoints]
    rows = [(d.look, d.calendar_time, d.words) for d in decisions]
    return SimulatedTrial(
        patients=joined([c.patients() for c in clinics], "patient"),
        visits=joined([c.visits() for c in clinics], "patient", "study_time"),
        events=joined([c.events() for c in clinics], "patient", "study_time"),
        supply=joined([c.supply() for c in clinics], "patient", "study_time"),
        lots=clinics[0].lots(),
        endpoints={
            name: joined([c.endpoint(number) for c in clinics], "patient")
            for number, name in enumerate(names)
        },
        decisions=pd.DataFrame(rows, columns=["look", "calendar_time", "decision"]),
        looks=pd.DataFrame([asdict(look) for look in reported]),
        calendar_cutoff=float(clinics[0].observation.cutoff[0]),
    )


class _Clinic:
    """Writes the tables of one trial; study time is years since the patient's randomization."""

    def __init__(self, followed: _Followed, observation: Observation) -> None:
        self.followed, self.trial = followed, followed.trial
        self.generated = followed.generated
        self.death: FloatArray = followed.death.time
        self.weight = followed.weight
        self.observation = observation
        self.enrollment_time: FloatArray = observation.enrollment_time[0]
        self.seen_until: FloatArray = observation.seen_until[0]
        self.arm = np.array([arm.name for arm in self.trial.arms])[observation.arm[0]]
        self.enrolled = self.seen_until >= 0

    def patients(self) -> pd.DataFrame:
        """Return a row per randomized patient."""
        import pandas as pd

        cutoff = self.observation.cutoff[0] - self.enrollment_time
        follow_up = min(self.trial.follow_up, LONGEST_FOLLOW_UP)
        left = np.where(
            self.observation.watched_until[0] < follow_up, "dropout", "end of follow-up"
        )
        cut_short = cutoff < self.observation.watched_until[0] - _TIME_TOLERANCE
        left = np.where(cut_short, "data cutoff", left)
        ended = self.death <= self.seen_until
        left = np.where(ended, self._last_state(), left)
        factors = {
            name: np.array(self.trial.population.level_names[name])[level[0]]
            for name, level in self.observation.levels.items()
        }
        numbers = {name: number[0] for name, number in self.observation.covariates.items()}
        described = numbers | factors
        own = described_columns(described)
        columns = {"patient": np.arange(self.arm.size), "arm": self.arm}
        columns |= {own[name]: values for name, values in described.items()}
        columns["weight_kg"] = self.weight
        if (screened := self.generated.patients.screened) is not None:
            columns["first_test_time"] = self.enrollment_time - screened.waited[0]
        columns["enrollment_time"] = self.enrollment_time
        seen_until = np.minimum(self.seen_until, self.death)
        columns |= {"seen_until": seen_until, "left": left}
        columns |= self._baseline(columns)
        table: pd.DataFrame = pd.DataFrame(columns).loc[self.enrolled]
        place = list(table.columns).index("seen_until")
        table.insert(place, "end_time", table["enrollment_time"] + table["seen_until"])
        return self._with_strikes(table.reset_index(drop=True))

    def _last_state(self) -> NDArray[np.object_]:
        """Return the state in which each patient's history ends."""
        names = np.array(self.trial.states, dtype=object)
        state, moves = self.followed.log.initial.copy(), self.followed.log.columns()
        state[moves["patient"]] = moves["to_state"]  # in the order of time: the last one stays
        return np.asarray(names[state])

    def _marker(self) -> MarkerValues | None:
        """Return the marker's values, the same that the endpoints saw."""
        numbers = self.generated.patients.numbers
        streams = self.followed.block.stream
        return marker_of(self.trial, self.generated.arm, numbers, streams)

    def _baseline(self, taken: Iterable[str]) -> dict[str, FloatArray]:
        """Return the marker at randomization; nothing where the trial has none."""
        marker = self._marker()
        if marker is None or self.trial.marker is None:
            return {}
        (column,) = apart([f"{self.trial.marker.name}_baseline"], taken)
        return {column: marker.baseline(self.followed.log.initial)}

    def _on_calendar(self, table: pd.DataFrame) -> pd.DataFrame:
        """Keep what the trial saw, and add the calendar time."""
        patient = table["patient"].to_numpy()
        seen = table["study_time"].to_numpy() <= self.seen_until[patient] + _TIME_TOLERANCE
        kept: pd.DataFrame = table.loc[seen].copy()
        calendar = self.enrollment_time[kept["patient"].to_numpy()] + kept["study_time"]
        kept.insert(2, "calendar_time", calendar)
        return kept.sort_values(["patient", "study_time"]).reset_index(drop=True)

    def _with_strikes(self, table: pd.DataFrame) -> pd.DataFrame:
        """Add when (study time, years) each intercurrent event struck, if it was seen."""
        names = [event.name for event in self.trial.intercurrent_events]
        own = event_columns(names, table.columns)
        for event, clock in zip(names, self.followed.strikes, strict=True):
            time = clock.time[table["patient"].to_numpy()]
            seen = time <= self.seen_until[table["patient"].to_numpy()]
            table[f"{own[event]}_seen"] = seen
            table[f"{own[event]}_time"] = np.where(seen, time, np.nan)
        return table

    def visits(self) -> pd.DataFrame:
        """Return a row per visit that took place, as it was seen; nobody visits after death."""
        import pandas as pd

        visits = self.followed.visits
        marker = self._marker()
        names = np.array(self.trial.states, dtype=object)
        dead = np.isin(names, self.trial.arms[0].model.absorbing or ())
        empty = pd.DataFrame({"patient": [], "study_time": [], "state": []}).astype(
            {"patient": int}
        )
        frames = []
        for number in range(visits.planned.size):
            true = visits.true(number)
            here = np.flatnonzero(~dead[true] & visits.attended[number])
            time = np.broadcast_to(visits.times[number], true.shape)[here]
            columns = {"patient": here, "study_time": time}
            columns["state"] = names[visits.seen(number)[here]]
            if marker is not None:
                columns["marker"] = marker.at_visit(number, true)[here]
            frames += [pd.DataFrame(columns)] if here.size else []
        return self._on_calendar(pd.concat(frames) if frames else empty)

    def events(self) -> pd.DataFrame:
        """Return a row per observed change of state."""
        horizon = min(self.trial.follow_up, LONGEST_FOLLOW_UP)
        histories = Histories(self.trial.states, horizon, self.followed.log)
        table = histories.transitions()[["patient", "study_time", "from_state", "to_state"]]
        return self._on_calendar(table)

    def supply(self) -> pd.DataFrame:
        """Return a row per infusion given, or asked of the supply; the dead are given none."""
        import pandas as pd

        entries = entries_of(self.trial.states, self.followed.log)
        streams = self.followed.block.stream
        rows: list[tuple[int, float, float]] = []
        supplied = self.generated.supplied
        for arm in self.trial.arms:
            if supplied is not None and arm.name in supplied.supply.draws:
                continue
            given = infusions_given(arm, self.arm.size, streams=streams)
            for patient in np.flatnonzero(self.arm == arm.name).tolist():
                for time, dose in course(arm, entries.get(patient, ()), given[patient]):
                    if time < self.death[patient]:
                        rows.append((patient, time, dose * self.weight[patient]))
        table = pd.DataFrame(rows, columns=["patient", "study_time", "cells"])
        table = table.astype({"patient": int, "study_time": float, "cells": float})
        if supplied is not None:
            table = pd.concat([table, self._from_the_supply(supplied)])
        return self._on_calendar(table)

    def _from_the_supply(self, supplied: Supplied) -> pd.DataFrame:
        table = infusion_table(supplied, self.trial.arms, arm=self.arm, death=self.death)
        table.insert(2, "cells", table.pop("cells_per_kg") * self.weight[table["patient"]])
        return table

    def lots(self) -> pd.DataFrame:
        """Return a row per lot; none without a supply."""
        import pandas as pd

        if self.generated.supplied is None:
            return pd.DataFrame()
        return lot_table(self.generated.supplied, float(self.observation.cutoff[0]))

    def endpoint(self, number: int) -> pd.DataFrame:
        """Return every patient's outcome, and whether the patient is in the analysis."""
        import pandas as pd

        endpoint = self.trial.endpoints[number]
        outcome = self.generated.measurements[number].outcome(self.observation)
        table = pd.DataFrame({"patient": np.arange(self.arm.size), "arm": self.arm})
        for name, column in outcome.table().items():
            table[name] = column[0]
        if (times := outcome.as_times) is not None:
            started = endpoint.time_of_event is not None and bool(endpoint.time_of_event.origin)
            table["in_analysis"] = self.enrolled & ((times.time[0] > 0) | (not started))
        came: pd.DataFrame = table.loc[self.enrolled]
        return came.reset_index(drop=True)
