"""Power averaged over what is not known: priors, distribution, value of information."""
