"""The planner's questions: power, sample size, assurance, sensitivity, thresholds.

`runs` simulates the designs of a scenario. `sample_size`, `solving`, `thresholds`, `assurance` and
`sensitivity` answer a question each. All stand on `theory`, which knows powers without simulation;
on `controls`, which takes known chance out of simulated shares; and on `execution`, which
spreads blocks of trials over processes and keeps them.
"""
