# Cumulative incidences of the data set mgus2 (every fifth patient) by Aalen and Johansen, and the
# subdistribution hazard ratio with everybody's follow-up known (no censoring but at 200 months).
# Run in this folder: Rscript competing.R   (R 4.2.2, survival 3.5-3, cmprsk 2.2-11, jsonlite)
library(survival)
suppressMessages(library(cmprsk))
library(jsonlite)
d <- mgus2[seq(1, 1384, 5), ]
d$time <- with(d, ifelse(pstat == 0, futime, ptime))
d$cause <- with(d, ifelse(pstat == 0, 2 * death, 1))
at <- c(60, 120, 240)
s <- summary(survfit(Surv(time, factor(cause, 0:2)) ~ 1, d), times = at)
by_arm <- summary(survfit(Surv(time, factor(cause, 0:2)) ~ sex, d), times = 120)   # F, M
complete <- subset(d, cause > 0)
fine_gray <- crr(complete$time, complete$cause, 1 * (complete$sex == "M"), failcode = 1, cencode = 0)
write(toJSON(list(time = d$time, cause = d$cause, arm = 1 * (d$sex == "M"), at = at, incidence = s$pstate[, 2:3],
                  standard_error = s$std.err[, 2:3],
                  by_arm = list(incidence = by_arm$pstate[, 2:3], standard_error = by_arm$std.err[, 2:3]), fine_gray = unname(fine_gray$coef)),
             digits = NA, auto_unbox = TRUE), "competing.json")
