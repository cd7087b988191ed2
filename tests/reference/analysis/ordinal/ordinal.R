# Proportional odds models. Run in this folder: Rscript ordinal.R   (R 4.2.2, MASS 7.3-58)
library(MASS)
library(jsonlite)
data <- fromJSON("../data.json")
out <- lapply(list(lung = data$lung, veteran = data$veteran), function(d) {
  d <- as.data.frame(d); d$y <- factor(d$stratum, ordered = TRUE)
  s <- summary(polr(y ~ arm, d, Hess = TRUE, control = list(reltol = 1e-15, maxit = 1000)))$coefficients
  list(estimate = unname(s["arm", 1]), standard_error = unname(s["arm", 2]))
})
write(toJSON(out, digits = NA, auto_unbox = TRUE, pretty = TRUE), "ordinal.json")
