# Sample sizes for survival. Run: Rscript closed_form.R   (R 4.2.2, rpact 3.3.4)
suppressMessages(library(rpact))
# One-sided 2.5 %, power 90 %, medians 12 months and hazard ratio 0.7, 12 months accrual and 12 of
# follow-up, 5 % dropout in 12 months on both arms.
s <- getSampleSizeSurvival(lambda2 = log(2) / 12, hazardRatio = 0.7, accrualTime = c(0, 12), followUpTime = 12,
  alpha = 0.025, beta = 0.1, dropoutRate1 = 0.05, dropoutRate2 = 0.05, dropoutTime = 12, typeOfComputation = "Schoenfeld")
print(c(s$eventsFixed, s$nFixed), digits = 12)   # 330.377913964 592.992213354
# The same, power 80 %, two patients on the experimental arm for one, slow then fast accrual, no dropout.
s <- getSampleSizeSurvival(lambda2 = log(2) / 12, hazardRatio = 0.7, accrualTime = c(0, 6, 12), accrualIntensity = c(10, 30),
  accrualIntensityType = "relative", followUpTime = 12, alpha = 0.025, beta = 0.2, allocationRatioPlanned = 2,
  typeOfComputation = "Schoenfeld")
print(c(s$eventsFixed, s$nFixed), digits = 12)   # 277.635492616 529.140725447
