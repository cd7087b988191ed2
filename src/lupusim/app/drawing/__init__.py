"""How the page looks: frame and theme, and its charts."""
