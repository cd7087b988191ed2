# Two proportions: Miettinen and Nurminen's score tests straight from their definition (the
# likelihood maximized numerically, the test inverted by uniroot), fisher.test, mantelhaen.test.
# Run in this folder: Rscript proportions.R   (R 4.2.2, jsonlite)
library(jsonlite)
options(digits = 17)
xlogy <- function(x, y) ifelse(x == 0, 0, x * log(y))
loglik <- function(x1, n1, x0, n0, p1, p0)
  xlogy(x1, p1) + xlogy(n1 - x1, 1 - p1) + xlogy(x0, p0) + xlogy(n0 - x0, 1 - p0)
# The derivative of the likelihood falls in p0: its root is sharper than the maximum itself.
root <- function(score, low, high) {
  e <- 1e-14
  if (!(score(low + e) > 0)) return(low)
  if (!(score(high - e) < 0)) return(high)
  uniroot(score, c(low + e, high - e), tol = 1e-16, maxiter = 10000)$root
}
z_difference <- function(x1, n1, x0, n0, delta) {
  score <- function(p) (x1 - n1 * (p + delta)) / ((p + delta) * (1 - p - delta)) + (x0 - n0 * p) / (p * (1 - p))
  p0 <- root(score, max(0, -delta), min(1, 1 - delta)); p1 <- p0 + delta
  v <- (p1 * (1 - p1) / n1 + p0 * (1 - p0) / n0) * (n1 + n0) / (n1 + n0 - 1)
  (x1 / n1 - x0 / n0 - delta) / sqrt(v)
}
z_ratio <- function(x1, n1, x0, n0, theta) {
  score <- function(p) (x1 - n1 * p * theta) / (p * (1 - p * theta)) + (x0 - n0 * p) / (p * (1 - p))
  p0 <- root(score, 0, min(1, 1 / theta)); p1 <- p0 * theta
  v <- (p1 * (1 - p1) / n1 + theta^2 * p0 * (1 - p0) / n0) * (n1 + n0) / (n1 + n0 - 1)
  (x1 / n1 - theta * x0 / n0) / sqrt(v)
}
tables <- list(c(12, 30, 5, 28), c(3, 10, 0, 12), c(0, 10, 4, 9), c(40, 60, 31, 60), c(9, 10, 5, 10),
               c(10, 10, 5, 10), c(55, 70, 48, 75), c(4, 40, 3, 20))
crit <- qnorm(0.975)
one <- function(t) {
  x1 <- t[1]; n1 <- t[2]; x0 <- t[3]; n0 <- t[4]; d <- x1 / n1 - x0 / n0
  solve <- function(f, a, b) uniroot(f, c(a, b), tol = 1e-13)$root
  f <- function(delta) z_difference(x1, n1, x0, n0, delta)
  g <- function(l) z_ratio(x1, n1, x0, n0, exp(l))
  m <- matrix(c(x1, n1 - x1, x0, n0 - x0), 2)
  list(table = t, z_margin = f(-0.1), z_zero = f(0), z_ratio = z_ratio(x1, n1, x0, n0, 0.8),
    lower = solve(function(x) f(x) - crit, -0.9999, d - 1e-9), upper = solve(function(x) f(x) + crit, d + 1e-9, 0.9999),
    ratio_lower = if (x1 > 0) solve(function(x) g(x) - crit, -6, log(x1 / n1) - log(max(x0, 0.01) / n0)) else NULL,
    ratio_upper = if (x0 > 0) solve(function(x) g(x) + crit, log(max(x1, 0.01) / n1) - log(x0 / n0), 6) else NULL,
    fisher = list(less = fisher.test(m, alternative = "less")$p.value,
                  greater = fisher.test(m, alternative = "greater")$p.value, two_sided = fisher.test(m)$p.value),
    pooled_chisq = unname(suppressWarnings(prop.test(c(x1, x0), c(n1, n0), correct = FALSE)$statistic)),
    exact_interval = as.vector(binom.test(x1, n1)$conf.int))
}
lone <- lapply(tables, one)
cmh <- function(a) {
  t <- mantelhaen.test(a, correct = FALSE)
  list(table = lapply(seq_len(dim(a)[3]), function(s) as.integer(c(a[1, 1, s], sum(a[, 1, s]), a[1, 2, s], sum(a[, 2, s])))),
       chisq = unname(t$statistic), log_odds_ratio = unname(log(t$estimate)), interval = log(as.vector(t$conf.int)))
}
arr <- function(...) array(c(...), c(2, 2, length(c(...)) / 4))
strata <- list(cmh(UCBAdmissions), cmh(arr(9, 11, 4, 16, 20, 12, 11, 19, 3, 4, 2, 6)), cmh(arr(5, 5, 0, 6, 2, 8, 4, 3)))
write(toJSON(list(tables = lone, strata = strata), digits = NA, auto_unbox = TRUE, pretty = TRUE), "proportions.json")
