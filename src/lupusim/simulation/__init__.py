"""One block of simulated trials: generation, looks, adaptation, patient level."""
