# The peers' side of benchmarks/peers.py: each that is installed does the same work.
# Prints "case peer trials_per_second power"; times are CPU seconds of this process.
n <- as.integer(commandArgs(trailingOnly = TRUE)[1])

# power: of what `run` returns. share: slow peers simulate fewer trials.
report <- function(case, peer, run, power, share = 1) {
  if (!requireNamespace(peer, quietly = TRUE)) return(invisible())
  run(10)
  replicates <- ceiling(n * share)
  seconds <- system.time(result <- run(replicates))
  cat(case, peer, replicates / (seconds[["user.self"]] + seconds[["sys.self"]]), power(result), "\n")
}

median_12 <- log(2) / 12
leaving <- -log(0.95) / 12
bounds <- c(3.70023, 2.50411, 1.99373) # Lan-DeMets, O'Brien-Fleming type; rpact and lrstat agree

rpact_survival <- function(events) function(replicates) {
  looks <- length(events)
  design <- if (looks == 1) {
    rpact::getDesignGroupSequential(kMax = 1, alpha = 0.025, sided = 1)
  } else {
    rpact::getDesignGroupSequential(
      informationRates = events / max(events), alpha = 0.025, sided = 1, typeOfDesign = "asOF"
    )
  }
  rpact::getSimulationSurvival(
    design, hazardRatio = 0.7, lambda2 = median_12, accrualTime = c(0, 24),
    accrualIntensity = 300 / 24, plannedEvents = events, directionUpper = FALSE,
    dropoutRate1 = 0.05, dropoutRate2 = 0.05, dropoutTime = 12,
    maxNumberOfIterations = replicates, seed = 1
  )
}

lrstat_survival <- function(events, critical) function(replicates) {
  lrstat::lrsim(
    kMax = length(events), informationRates = events / max(events), criticalValues = critical,
    accrualIntensity = 300 / 24, lambda1 = 0.7 * median_12, lambda2 = median_12,
    gamma1 = leaving, gamma2 = leaving, n = 300, plannedEvents = events,
    maxNumberOfIterations = replicates, maxNumberOfRawDatasetsPerStage = 0, seed = 1
  )
}

simtrial_survival <- function(replicates) {
  set.seed(1)
  simtrial::sim_fixed_n(
    n_sim = replicates, sample_size = 300, target_event = 200, total_duration = 36,
    stratum = data.frame(stratum = "All", p = 1),
    enroll_rate = data.frame(duration = 24, rate = 300 / 24),
    fail_rate = data.frame(
      stratum = "All", duration = 1000, fail_rate = median_12, hr = 0.7, dropout_rate = leaving
    ),
    timing_type = 2
  )
}

simidm_illness_death <- function(replicates) {
  hazards <- function(h01, h02, h12) simIDM::exponential_transition(h01 = h01, h02 = h02, h12 = h12)
  trials <- simIDM::getClinicalTrials(
    nRep = replicates, nPat = c(150, 150), seed = 1, datType = "1rowPatient",
    transitionByArm = list(hazards(0.06, 0.02, 0.08), hazards(0.04, 0.018, 0.075)),
    dropout = list(rate = 0, time = 12), accrual = list(param = "time", value = 0)
  )
  simIDM::empSignificant(
    simTrials = trials, criticalPFS = 1.96, criticalOS = 1.96, eventNumPFS = 180, eventNumOS = 140
  )
}

rpact_rates <- function(replicates) {
  rpact::getSimulationRates(
    rpact::getDesignGroupSequential(kMax = 1, alpha = 0.025, sided = 1), groups = 2,
    pi1 = 0.32, pi2 = 0.15, plannedSubjects = 120, maxNumberOfIterations = replicates, seed = 1
  )
}

adaptr_response <- function(replicates) {
  design <- adaptr::setup_trial_binom(
    arms = c("A", "B", "C"), true_ys = c(0.25, 0.20, 0.30), min_probs = rep(0.15, 3),
    data_looks = seq(from = 300, to = 2000, by = 100), soften_power = 0.5
  )
  adaptr::run_trials(design, n_rep = replicates, base_seed = 1)
}

rejected <- function(result) result$overallReject
report("A", "rpact", rpact_survival(200), rejected)
report("B", "rpact", rpact_survival(c(67, 134, 200)), rejected)
report("D", "rpact", rpact_rates, rejected)
report("A", "lrstat", lrstat_survival(200, 1.959964), function(r) r$overview$overallReject)
report("B", "lrstat", lrstat_survival(c(67, 134, 200), bounds), function(r) r$overview$overallReject)
report("A", "simtrial", simtrial_survival, function(r) mean(abs(r$z) > 1.959964), share = 0.02)
report("C", "simIDM", simidm_illness_death, function(r) r$significantPFS, share = 0.02)
report("R", "adaptr", adaptr_response, function(r) NA, share = 0.01)
