"""What a model expects of each published number, exactly."""
