# Weighted log-rank tests straight from their definition, survdiff's G-rho, restricted means.
# Run in this folder: Rscript weighted.R   (R 4.2.2, survival 3.5-3, jsonlite)
library(survival)
library(jsonlite)
data <- fromJSON("../data.json")
horizon <- list(veteran = 300, lung = 600, ovarian = 700, colon = 2000)
sums <- function(d) {
  times <- sort(unique(d$time[d$event == 1])); s <- 1; out <- NULL
  for (t in times) {
    y <- sum(d$time >= t); y1 <- sum(d$time >= t & d$arm == 1)
    k <- sum(d$time == t & d$event == 1); k1 <- sum(d$time == t & d$event == 1 & d$arm == 1)
    v <- if (y > 1) k * y1 / y * (1 - y1 / y) * (y - k) / (y - 1) else 0
    out <- rbind(out, data.frame(t = t, before = s, after = s * (1 - k / y), u = k1 - k * y1 / y, v = v))
    s <- s * (1 - k / y)
  }
  out
}
out <- lapply(names(data), function(name) {
  d <- as.data.frame(data[[name]]); g <- sums(d); star <- horizon[[name]] / 3
  floor <- min(c(1, g$after[g$t <= star]))
  w <- list(rep(1, nrow(g)), 1 - g$before, g$before, g$before * (1 - g$before), 1 / pmax(g$before, floor))
  z <- sapply(w, function(w) sum(w * g$u) / sqrt(sum(w^2 * g$v)))
  correlation <- cov2cor(outer(1:4, 1:4, Vectorize(function(i, j) sum(w[[i]] * w[[j]] * g$v))))
  means <- sapply(0:1, function(a) summary(survfit(Surv(time, event) ~ 1, d[d$arm == a, ]),
                                           rmean = horizon[[name]])$table[c("rmean", "se(rmean)")])
  list(z = z, star = star, correlation = correlation, until = horizon[[name]], mean = means[1, ], error = means[2, ],
       rho1 = survdiff(Surv(time, event) ~ arm, d, rho = 1)$chisq)
})
names(out) <- names(data)
write(toJSON(out, digits = NA, auto_unbox = TRUE, pretty = TRUE), "weighted.json")
