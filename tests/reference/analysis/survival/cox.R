# Cox regressions, Efron and Breslow ties, strata, covariates.
# Run in this folder: Rscript cox.R   (R 4.2.2, survival 3.5-3, jsonlite)
library(survival)
library(jsonlite)
data <- fromJSON("../data.json")
tight <- coxph.control(eps = 1e-14, iter.max = 50, toler.chol = 1e-15)
one <- function(formula, d, ties) {
  s <- summary(coxph(formula, d, ties = ties, control = tight))$coefficients
  list(estimate = unname(s[, "coef"]), standard_error = unname(s[, "se(coef)"]))
}
out <- lapply(data, function(d) { d <- as.data.frame(d); list(
  efron = one(Surv(time, event) ~ arm, d, "efron"), breslow = one(Surv(time, event) ~ arm, d, "breslow"),
  stratified = one(Surv(time, event) ~ arm + strata(stratum), d, "efron"),
  covariates = one(Surv(time, event) ~ arm + age, d, "efron"),
  stratified_covariates = one(Surv(time, event) ~ arm + age + strata(stratum), d, "efron")) })
write(toJSON(out, digits = NA, pretty = TRUE), "cox.json")
