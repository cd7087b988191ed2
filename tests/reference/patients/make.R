# Data and reference numbers of test_patients.py: R 4, survival and msm.
#   Rscript make.R      writes cav.csv and mgus2.csv, prints the numbers
# mgus2: Kyle et al. (2002), NEJM 346:564-569, package survival; time in years.
# cav: Sharples et al. (2003), Transplantation 76:679-682, package msm.
suppressMessages({library(survival); library(msm)})
d <- with(mgus2, data.frame(id = id, from = "mgus", to = "", entry = 0,
  exit = ifelse(pstat == 0, futime, ptime) / 12, status = as.integer(pstat | death),
  male = as.integer(sex == "M")))
ev <- with(mgus2, ifelse(pstat == 0, 2 * death, 1))
d$to <- c("", "pcm", "death")[ev + 1]
write.csv(d, "mgus2.csv", row.names = FALSE)
for (k in 1:2) {
  w <- survreg(Surv(exit, ev == k) ~ 1, data = d)
  x <- survreg(Surv(exit, ev == k) ~ male, data = d)
  print(c(1 / w$scale, exp(coef(w)), w$loglik[1], x$loglik[2], -coef(x)[2] / x$scale), digits = 12)
}
f <- survfit(Surv(exit, factor(ev, 0:2, c("cens", "pcm", "death"))) ~ 1, data = d, id = id)
s <- summary(f, times = c(5, 10, 20)); print(s$pstate, digits = 10); print(s$std.err, digits = 8)
write.csv(with(cav, data.frame(id = PTNUM, time = years, state = state)), "cav.csv", row.names = FALSE)
Q <- rbind(c(0, .25, 0, .25), c(.166, 0, .166, .166), c(0, .25, 0, .25), c(0, 0, 0, 0))
m <- msm(state ~ years, subject = PTNUM, data = cav, qmatrix = Q, deathexact = 4)
print(m$minus2loglik, digits = 12); print(m$Qmatrices$baseline, digits = 9)
v <- prevalence.msm(m, times = c(1.5, 4, 8)); print(v$Observed); print(v$Expected, digits = 8)
