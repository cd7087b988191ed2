"""How patients arrive: rates, sites, regions, the opening and closing of arms."""
