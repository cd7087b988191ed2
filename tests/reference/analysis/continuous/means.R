# Two means, ranks, adjusted means, logistic regression on veteran and lung.
# Run in this folder: Rscript means.R   (R 4.2.2, jsonlite)
library(jsonlite)
data <- fromJSON("../data.json")
out <- lapply(data[c("veteran", "lung", "colon")], function(d) {
  d <- as.data.frame(d); a <- d$age[d$arm == 1]; b <- d$age[d$arm == 0]
  w <- wilcox.test(a, b, exact = FALSE, correct = FALSE)
  t <- t.test(a, b); s <- t.test(a, b, var.equal = TRUE)
  l <- summary(lm(time ~ arm + age + stratum, d))$coefficients
  g <- summary(glm(event ~ arm + age, binomial, d, control = list(epsilon = 1e-15, maxit = 100)))$coefficients
  list(wilcoxon = w$p.value, u = unname(w$statistic), welch = t$p.value, welch_interval = as.vector(t$conf.int),
       pooled = s$p.value, pooled_interval = as.vector(s$conf.int),
       ancova = unname(l["arm", c(1, 2, 4)]), logistic = unname(g[c("arm", "age"), 1]), logistic_error = unname(g[c("arm", "age"), 2]))
})
write(toJSON(out, digits = NA, auto_unbox = TRUE, pretty = TRUE), "means.json")
