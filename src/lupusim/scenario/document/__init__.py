"""A YAML document with the line of every key: values, units, all problems at once."""

__all__ = [
    "amounts",
    "content",
    "durations",
    "edits",
    "kinds",
    "section",
    "yaml_reader",
    "yaml_writer",
]
