# Repeated measures, overdispersed counts and recurrent events, on data that is simulated here.
# Run in this folder: Rscript repeated.R   (R 4.2.2, nlme, MASS, survival, jsonlite)
library(jsonlite); library(nlme); library(MASS); library(survival)
RNGversion("4.2.0"); set.seed(20260101)
n <- 60; n_visits <- 4
arm <- rep(0:1, n / 2); baseline <- round(rnorm(n, 11, 4), 1)
y <- 0.5 * baseline + 2 * rnorm(n) + outer(arm, -(1:n_visits) / 2) + matrix(rnorm(n * n_visits, sd = 2), n)
y <- round(y * rep(c(1, 1.2, 1.4, 1.8), each = n), 2)
y[matrix(runif(n * n_visits) < 0.08, n)] <- NA                      # missed visits
for (i in which(runif(n) < 0.3)) y[i, sample(2:n_visits, 1):n_visits] <- NA   # dropout
long <- data.frame(id = rep(1:n, n_visits), visit = rep(1:n_visits, each = n), arm = arm,
                   baseline = baseline, y = as.vector(y))
long <- na.omit(long[order(long$id, long$visit), ])
# Kenward and Roger (1997), equations 3 to 5, from the covariance that gls estimates; an unstructured
# one is linear in its parameters. The degrees of freedom are Satterthwaite's, 2 v^2 / g'Wg.
kenward_roger <- function(fit, x, d, at) {
  scale <- c(1, coef(fit$modelStruct$varStruct, unconstrained = FALSE))
  names(scale)[1] <- setdiff(as.character(1:n_visits), names(scale)[-1])
  scale <- scale[as.character(1:n_visits)] * fit$sigma
  corr <- diag(n_visits)
  corr[lower.tri(corr)] <- coef(fit$modelStruct$corStruct, unconstrained = FALSE)
  corr[upper.tri(corr)] <- t(corr)[upper.tri(corr)]
  spread <- function(form) form[d$visit, d$visit] * outer(d$id, d$id, "==")
  inverse <- solve(spread(corr * outer(scale, scale)))
  phi <- solve(t(x) %*% inverse %*% x)
  pairs <- which(lower.tri(corr, diag = TRUE), arr.ind = TRUE)
  forms <- lapply(seq_len(nrow(pairs)), function(k) {
    e <- diag(0, n_visits); e[pairs[k, 1], pairs[k, 2]] <- e[pairs[k, 2], pairs[k, 1]] <- 1; spread(e)
  })
  half <- lapply(forms, function(e) inverse %*% e)
  p <- lapply(half, function(h) -t(x) %*% h %*% inverse %*% x)
  n <- length(forms); information <- matrix(0, n, n); q <- matrix(list(), n, n)
  for (k in 1:n) for (l in 1:n) {
    q[[k, l]] <- t(x) %*% half[[k]] %*% half[[l]] %*% inverse %*% x
    information[k, l] <- (sum(half[[k]] * t(half[[l]])) - 2 * sum(phi * q[[k, l]]) +
                            sum((phi %*% p[[k]]) * t(phi %*% p[[l]]))) / 2
  }
  w <- solve(information); total <- 0 * phi
  for (k in 1:n) for (l in 1:n) total <- total + w[k, l] * (q[[k, l]] - p[[k]] %*% phi %*% p[[l]])
  g <- sapply(p, function(one) (phi %*% one %*% phi)[at, at])
  list(error = sqrt((phi + 2 * phi %*% total %*% phi)[at, at]),
       degrees = 2 * phi[at, at]^2 / drop(t(g) %*% w %*% g))
}
gls_at <- function(d) {
  fit <- gls(y ~ 0 + factor(visit) + factor(visit):arm + factor(visit):baseline, d, method = "REML",
             correlation = corSymm(form = ~ visit | id), weights = varIdent(form = ~ 1 | visit),
             control = glsControl(tolerance = 1e-14, msTol = 1e-16, maxIter = 2000, msMaxIter = 2000,
                                  opt = "optim", optimMethod = "BFGS"))
  last <- paste0("factor(visit)", n_visits, ":arm")
  x <- model.matrix(~ 0 + factor(visit) + factor(visit):arm + factor(visit):baseline, d)
  list(estimate = unname(coef(fit)[last]), model_error = unname(sqrt(vcov(fit)[last, last])),
       adjusted = kenward_roger(fit, x, d, which(colnames(x) == last)))
}
gone_at_the_end <- function(lost) {   # a stratum that nobody is left of; its columns then are dropped
  site <- rep(0:2, length.out = n); left <- y; left[site == lost, 3:4] <- NA
  d <- data.frame(id = rep(1:n, n_visits), visit = rep(1:n_visits, each = n), arm = arm,
                  baseline = baseline, site = site, y = as.vector(left))
  d <- na.omit(d[order(d$id, d$visit), ])
  x <- model.matrix(~ 0 + factor(visit) + factor(visit):(arm + baseline + factor(site)), d)
  decomposed <- qr(x)
  x <- x[, sort(decomposed$pivot[1:decomposed$rank])]
  last <- paste0("factor(visit)", n_visits, ":arm")
  names <- make.names(colnames(x)); at <- names[colnames(x) == last]; colnames(x) <- names
  fit <- gls(reformulate(c("0", names), "y"), cbind(d, x), method = "REML",
             correlation = corSymm(form = ~ visit | id), weights = varIdent(form = ~ 1 | visit),
             control = glsControl(tolerance = 1e-14, msTol = 1e-16, maxIter = 2000, msMaxIter = 2000,
                                  opt = "optim", optimMethod = "BFGS"))
  list(estimate = unname(coef(fit)[at]), adjusted = kenward_roger(fit, x, d, which(names == at)))
}
frailty <- rgamma(80, 1.2, 1.2); treated <- rep(0:1, 40); site <- rep(1:4, each = 20)
years <- round(runif(80, 0.3, 2), 3)
count <- rpois(80, frailty * years * 1.5 * exp(-0.4 * treated + 0.2 * (site == 2)))
nb <- function(formula) {
  fit <- glm.nb(formula, control = glm.control(epsilon = 1e-15, maxit = 500))
  l <- summary(fit)$coefficients["treated", ]
  list(estimate = unname(l[1]), error = unname(l[2]), theta = fit$theta)
}
events <- lapply(1:80, function(i) sort(round(runif(count[i], 0, years[i]), 6)))
rows <- do.call(rbind, lapply(1:80, function(i) {
  stop <- c(events[[i]], years[i])
  data.frame(id = i, start = c(0, events[[i]]), stop = stop, event = c(rep(1, count[i]), 0), treated = treated[i], site = site[i])
}))
ag <- function(formula) {
  fit <- coxph(formula, rows, cluster = id, control = coxph.control(eps = 1e-14, iter.max = 100))
  list(estimate = unname(coef(fit)), error = unname(sqrt(fit$var[1, 1])), model_error = unname(sqrt(fit$naive.var[1, 1])))
}
write(toJSON(list(
  repeated = list(values = y, arm = arm, baseline = baseline, expected = gls_at(long),
    gone = lapply(c(2, 0), gone_at_the_end)),
  counts = list(count = count, years = years, arm = treated, stratum = site,
    plain = nb(count ~ treated + offset(log(years))),
    stratified = nb(count ~ treated + factor(site) + offset(log(years)))),
  recurrent = list(times = lapply(events, I), plain = ag(Surv(start, stop, event) ~ treated),
    stratified = ag(Surv(start, stop, event) ~ treated + strata(site)))
), digits = NA, auto_unbox = TRUE, pretty = FALSE, na = "null"), "repeated.json")
