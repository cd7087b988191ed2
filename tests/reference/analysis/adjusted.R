# Regressions on arm, covariates and strata; weighted log-rank tests with strata; Gray's test.
# Run in this folder: Rscript adjusted.R   (R 4.2.2, survival 3.5-3, cmprsk 2.2-11, jsonlite)
library(survival)
suppressMessages(library(cmprsk))
library(jsonlite)
data <- fromJSON("data.json")
d <- as.data.frame(data$veteran)
tight <- coxph.control(eps = 1e-14, iter.max = 50, toler.chol = 1e-15)
cox <- summary(coxph(Surv(time, event) ~ arm + age + karno + strata(stratum), d, control = tight))$coefficients
logistic <- summary(glm(time > 90 ~ arm + age + karno + factor(stratum), binomial, d,
                        control = list(epsilon = 1e-15, maxit = 100)))$coefficients
ancova <- summary(lm(time ~ arm + age + karno + factor(stratum), d))$coefficients
# a constant, a twin of age, and what the strata tell: R leaves such columns out
d$same <- 3; d$twin <- 10 - 2 * d$age; d$fourth <- 100 * (d$stratum == 4)
first <- glm(time > 90 ~ age + karno + factor(stratum) + same + twin + fourth + arm, binomial, d)
columns <- model.matrix(first)[, !is.na(coef(first))]  # a finer search would let aliases in
aliased <- list(
  cox = summary(coxph(Surv(time, event) ~ age + karno + strata(stratum) + same + twin + fourth + arm, d,
                      control = tight))$coefficients["arm", c("coef", "se(coef)")],
  logistic = summary(glm(time > 90 ~ columns - 1, binomial, d,
                         control = list(epsilon = 1e-15, maxit = 100)))$coefficients["columnsarm", 1:2],
  ancova = summary(lm(time ~ age + karno + factor(stratum) + same + twin + fourth + arm, d))$coefficients["arm", 1:2])
# nobody responds in stratum 4: its intercept runs away, the other coefficients do not
lonely <- suppressWarnings(summary(glm((time > 90 & stratum != 4) ~ arm + age + karno + factor(stratum), binomial, d,
                                       control = list(epsilon = 1e-13, maxit = 100)))$coefficients)
lacking <- summary(lm(time ~ arm + age + karno + factor(stratum), d, subset = stratum != 2))$coefficients
rho1 <- lapply(data, function(d) survdiff(Surv(time, event) ~ arm + strata(stratum), as.data.frame(d), rho = 1)$chisq)
m <- mgus2[seq(1, 1384, 5), ]
m$time <- with(m, ifelse(pstat == 0, futime, ptime))
m$cause <- with(m, ifelse(pstat == 0, 2 * death, 1))
m$arm <- 1 * (m$sex == "M")
m$stratum <- 1 * (m$age > 70)
gray <- with(m, cuminc(time, cause, arm))$Tests[, "stat"]
stratified <- with(m, cuminc(time, cause, arm, strata = stratum))$Tests[, "stat"]
fine_gray <- sapply(1:2, function(k) {
  f <- crr(m$time, m$cause, m$arm, failcode = k, gtol = 1e-14, maxiter = 50)
  c(f$coef, sqrt(f$var))
})
write(toJSON(list(aliased = aliased, lonely = lonely["arm", 1:2], lacking = lacking["arm", c(1, 2, 4)], fine_gray = t(fine_gray), cox = cox["arm", c("coef", "se(coef)")], logistic = logistic["arm", 1:2], ancova = ancova["arm", c(1, 2, 4)],
                  rho1 = rho1, stratum = m$stratum, gray = gray, gray_stratified = stratified),
             digits = NA, auto_unbox = TRUE), "adjusted.json")
