"""One module for each page; each draws one visit, and keeps nothing for the next."""
