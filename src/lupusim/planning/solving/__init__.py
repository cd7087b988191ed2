"""The value of a stated number at which a trial has what is asked of it."""
