"""Power averaged over what is not known: priors, distribution, value of information.

`assurance` is the way in; `beliefs` with `effect_priors` say what is not known. The power of every
draw is `exact`, from `drawn` tables, or simulated and then smoothed over strengths
(`power_by_strength`); `power_distribution` and `known_powers` say how it is spread.
"""
