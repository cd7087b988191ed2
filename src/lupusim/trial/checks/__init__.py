"""What a trial may not state: contradictions between its parts, each with its repair."""
