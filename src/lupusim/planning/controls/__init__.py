"""Control variates: what of a simulated trial is known exactly, so that chance can be taken out.

`kinds` says which trials have them and `building` makes them. What each patient adds, and its law:
`shares`, `values`, `counts` and `times` by kind of test, or `sampled` where no exact engine has
the law. `parts` holds what is known of each look, `together` what is known of several arms.
"""
