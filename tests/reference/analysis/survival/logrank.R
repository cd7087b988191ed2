# Log-rank tests on the data of data.json: observed and expected of arm 1, variance, chi-square.
# Run in this folder: Rscript logrank.R   (R 4.2.2, survival 3.5-3, jsonlite)
library(survival)
library(jsonlite)
data <- fromJSON("../data.json")
one <- function(fit) {
  observed <- sum(as.matrix(fit$obs)[2, ]); expected <- sum(as.matrix(fit$exp)[2, ])
  list(observed = observed, expected = expected, variance = fit$var[2, 2], chisq = fit$chisq)
}
out <- lapply(data, function(d) list(
  plain = one(survdiff(Surv(time, event) ~ arm, as.data.frame(d))),
  stratified = one(survdiff(Surv(time, event) ~ arm + strata(stratum), as.data.frame(d)))))
write(toJSON(out, digits = NA, auto_unbox = TRUE, pretty = TRUE), "logrank.json")
