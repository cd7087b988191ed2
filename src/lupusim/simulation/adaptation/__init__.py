"""Rules that change a running trial: allocation, arms, population, sample size."""
