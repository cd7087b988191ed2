# The peer's side of benchmarks/peers.py: rpact, if it is installed. Prints "case trials_per_second power".
if (!requireNamespace("rpact", quietly = TRUE)) quit(status = 3)
suppressMessages(library(rpact))
n <- as.integer(commandArgs(trailingOnly = TRUE)[1])

report <- function(case, run) {
  run(100)
  seconds <- system.time(result <- run(n))
  cat(case, n / (seconds[["user.self"]] + seconds[["sys.self"]]), result$overallReject, "\n")
}

survival <- function(design, events) function(replicates) {
  getSimulationSurvival(
    design, hazardRatio = 0.7, lambda2 = log(2) / 12, accrualTime = c(0, 24),
    accrualIntensity = 300 / 24, plannedEvents = events, directionUpper = FALSE,
    dropoutRate1 = 0.05, dropoutRate2 = 0.05, dropoutTime = 12,
    maxNumberOfIterations = replicates, seed = 1
  )
}
fixed <- getDesignGroupSequential(kMax = 1, alpha = 0.025, sided = 1)
looks <- getDesignGroupSequential(
  informationRates = c(67, 134, 200) / 200, alpha = 0.025, sided = 1, typeOfDesign = "asOF"
)
report("A", survival(fixed, 200))
report("B", survival(looks, c(67, 134, 200)))
report("D", function(replicates) {
  getSimulationRates(
    fixed, groups = 2, pi1 = 0.32, pi2 = 0.15, plannedSubjects = 120,
    maxNumberOfIterations = replicates, seed = 1
  )
})
