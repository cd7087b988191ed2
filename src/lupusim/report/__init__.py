"""Results for people: numbers rounded to what the simulation knows, tables, sentences."""
