"""From histories to outcomes: what a trial would have measured at a data cutoff."""
