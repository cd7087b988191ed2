"""Pictures of models: diagrams of states, courses of patients and cohorts."""
