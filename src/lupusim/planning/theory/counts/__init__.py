"""Trials that are counts: everything about their power from the chance of each patient.

`design` makes counts of a trial: what is `asked` of patients, their `cells` and the `chances` in
each (of many truths together by `alike` and `shares`; of several endpoints by `joint`), and the
`sizes` of arms. Powers come from all `tables`, of `stratified` tests or at several `looks`, or
from drawn `numbers`, which `repeated` keeps one by one. `claims` and `power` put them together.
"""
