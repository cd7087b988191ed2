"""Files that lupusim reads and writes: scenarios, models, evidence, draws."""
