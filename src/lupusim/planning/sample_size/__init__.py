"""The smallest trial that reaches a power: search, interval, fresh confirmation.

`search` is the way in, `frontier` that of several designs; `options`, `events` and `growth` say
what is asked, `results` what was found. A power known exactly leads to `exact`, and one of
counts to `by_tables`, which asks `drawn` for powers of sizes. Any other power is simulated by
`hunt`: at sizes that `rounds` chooses, several out of one simulation (`prefixes`), until a
`probit_line` crosses the target; `checked` holds the answer beside its confirmation.
"""
