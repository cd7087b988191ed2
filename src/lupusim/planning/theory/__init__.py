"""Closed forms beside a simulation: power, expected events, group-sequential theory.

`power` asks whoever knows that of a trial: `counts`, `single_arm`, `survival` (by `logrank_law`)
or `group_sequential`; `assumptions` says which designs a formula holds for. Trials that are
counts are compared `by_tables`, all or `drawn` ones. `sums` has laws of sums over patients.
`expected_events`, `expected_bounds`, `expected_times` and `extremes` tell of a trial before
anything is simulated.
"""
