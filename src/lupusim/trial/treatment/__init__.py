"""What patients are given: arms, infusions, cell lots and their supply, costs."""
