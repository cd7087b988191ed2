"""A YAML document with the line of every key: values, units, all problems at once."""
