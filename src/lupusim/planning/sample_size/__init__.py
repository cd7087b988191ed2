"""The smallest trial that reaches a power: search, interval, fresh confirmation."""
