"""How patients are assigned to arms: blocks, minimization, urns, open arms."""
