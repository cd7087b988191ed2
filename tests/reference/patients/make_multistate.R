# Data and reference numbers of test_multistate.py: R 4, survival, mstate 0.3.3, flexsurv 2.3.2.
#   Rscript make_multistate.R      writes ebmt4.csv, flexsurv.csv, probtrans.csv; needs mgus2.csv
# ebmt4: 2279 patients after transplantation, EBMT; Fiocco, Putter and van Houwelingen (2008),
# Statistics in Medicine 27:4340-4358; de Wreede, Fiocco and Putter (2011), Journal of Statistical
# Software 38:7, section 4, from package mstate; times in days.
suppressMessages({library(survival); library(mstate); library(flexsurv)})
data(ebmt4)
states <- c("tx", "rec", "ae", "both", "relapse", "death")
tmat <- transMat(list(c(2, 3, 5, 6), c(4, 5, 6), c(4, 5, 6), c(5, 6), c(), c()), names = states)
ms <- msprep(data = ebmt4, trans = tmat, time = c(NA, "rec", "ae", "recae", "rel", "srv"),
             status = c(NA, "rec.s", "ae.s", "recae.s", "rel.s", "srv.s"))
stays <- do.call(rbind, lapply(split(ms, list(ms$id, ms$from), drop = TRUE), function(s) {
  k <- max(c(0, which(s$status == 1)))
  data.frame(id = s$id[1], from = states[s$from[1]], to = if (k > 0) states[s$to[k]] else "",
             entry = s$Tstart[1], exit = s$Tstop[1], status = as.integer(k > 0))
}))
stays <- stays[order(stays$id, stays$entry), ]
write.csv(stays, "ebmt4.csv", row.names = FALSE, quote = FALSE)

cox <- coxph(Surv(Tstart, Tstop, status) ~ strata(trans), data = ms, method = "breslow")
found <- probtrans(msfit(cox, vartype = "greenwood", trans = tmat), predt = 0, method = "greenwood")
found <- summary(found, from = 1, times = c(100, 365, 1826, 3000))[[1]]
write.csv(format(found[, 1:13], digits = 12), "probtrans.csv", row.names = FALSE, quote = FALSE)

rows <- c()
add <- function(data, transition, clock, family, surv, table) {
  fit <- flexsurvreg(surv ~ 1, data = table, dist = family, control = list(reltol = 1e-14, maxit = 5000))
  rows <<- c(rows, paste(c(data, transition, clock, family, format(fit$loglik, digits = 12),
                           format(fit$res[, 1], digits = 10)), collapse = ","))
}
families <- c("exp", "weibull", "gompertz", "llogis", "lnorm", "gamma", "gengamma")
for (d in families) for (k in c(1, 4, 9)) {
  part <- ms[ms$trans == k, ]
  label <- paste(states[part$from[1]], "->", states[part$to[1]])
  add("ebmt4", label, "reset", d, Surv((part$Tstop - part$Tstart) / 365.2425, part$status), part)
}
part <- ms[ms$trans == 11, ]
for (d in families[1:4])
  add("ebmt4", "both -> relapse", "forward", d, Surv(part$Tstart / 365.2425, part$Tstop / 365.2425, part$status), part)
mgus <- read.csv("mgus2.csv")
for (d in families[3:7]) for (to in c("pcm", "death"))
  add("mgus2", paste("mgus ->", to), "reset", d, Surv(mgus$exit, mgus$status == 1 & mgus$to == to), mgus)
writeLines(c("data,transition,clock,family,loglik,first,second,third", gsub(" *, *", ",", rows)), "flexsurv.csv")
