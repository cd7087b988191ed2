# Kaplan-Meier survival with Greenwood's error and log-log interval, by arm.
# Run in this folder: Rscript kaplan_meier.R   (R 4.2.2, survival 3.5-3, jsonlite)
library(survival)
library(jsonlite)
data <- fromJSON("../data.json")
at <- list(veteran = c(50, 100, 300), lung = c(100, 350, 600), ovarian = c(370, 450, 600), colon = c(365, 1000, 2000))
out <- lapply(names(data), function(name) {
  d <- as.data.frame(data[[name]])
  lapply(0:1, function(a) {
    s <- summary(survfit(Surv(time, event) ~ 1, d[d$arm == a, ], conf.type = "log-log"), times = at[[name]])
    list(times = s$time, survival = s$surv, standard_error = s$std.err, lower = s$lower, upper = s$upper,
         at_risk = s$n.risk)
  })
})
names(out) <- names(data)
write(toJSON(out, digits = NA, pretty = TRUE), "kaplan_meier.json")
