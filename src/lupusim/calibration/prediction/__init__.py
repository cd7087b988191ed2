"""What a model expects of each published number, exactly."""

__all__ = [
    "enlarged_chain",
    "entries",
    "family",
    "markov",
    "mesh",
    "mesh_answers",
    "path_family",
    "path_tree",
    "predict",
    "renewal",
    "sojourns",
]
