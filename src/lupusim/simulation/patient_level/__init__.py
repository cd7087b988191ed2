"""One trial patient by patient: its tables, and what each look decided."""
