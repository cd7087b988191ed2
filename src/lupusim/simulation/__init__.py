"""One block of simulated trials: generation, looks, adaptation, patient level.

`block` is the way in: `generation` makes patients, `looks` decide, `adaptation` changes the trial
on its way, and a `tally` keeps the sums. `scoring` and `relabeling` let several rules, or
several randomizations, share the same patients.
"""
