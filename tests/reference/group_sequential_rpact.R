# Makes group_sequential_rpact.json. Run in this folder: Rscript group_sequential_rpact.R
# (R 4.2.2, rpact 3.3.4)
# Of each design its bounds, and of getDesignCharacteristics the shift and the average sample
# numbers under no effect, half the effect and the effect, relative to one look.
suppressMessages(library(rpact))

looks <- list(
  three = "c(1/3,2/3,1)", patients = "c(67,134,200)/200", five = "c(0.2,0.5,0.6,0.95,1)",
  four = "c(0.3,0.5,0.8,1)"
)
spent <- c("'asOF'", "'asP'", "'asHSD',gammaA=-4", "'asHSD',gammaA=1", "'asKD',gammaA=3",
           "'asKD',gammaA=1")
stated <- c("'OF'", "'P'", "'WT',deltaWT=0.25", "'HP'")
given_up <- c("'bsOF'", "'bsP'", "'bsHSD',gammaB=-2", "'bsKD',gammaB=2")
one <- "alpha=0.025,sided=1"
two <- "alpha=0.05,sided=2"

call_of <- function(at, error, type, more = "") {
  sprintf("informationRates=%s,%s,beta=0.1,typeOfDesign=%s%s", looks[[at]], error, type, more)
}
calls <- c()
for (at in c("three", "patients", "five")) calls <- c(calls, call_of(at, one, spent))
calls <- c(calls, call_of("five", two, spent[1:3]))
for (type in stated) for (error in c(one, two)) for (at in c("three", "five")) {
  calls <- c(calls, call_of(at, error, type))
}
for (binding in c("TRUE", "FALSE")) for (at in c("three", "four")) {
  more <- paste0(",typeBetaSpending=", given_up, ",bindingFutility=", binding)
  calls <- c(calls, call_of(at, one, "'asOF'", more))
}
for (type in c("'asOF'", "'P'")) for (binding in c("TRUE", "FALSE")) {
  more <- paste0(",futilityBounds=c(0,0.5),bindingFutility=", binding)
  calls <- c(calls, call_of("three", one, type, more))
}
calls <- c(
  calls,
  paste0("informationRates=c(0.4,0.7,1),", one, ",beta=0.1,typeOfDesign='asUser'",
         ",userAlphaSpending=c(0.005,0.01,0.025)"),
  call_of("three", one, "'noEarlyEfficacy'", ",futilityBounds=c(0,0.5),bindingFutility=TRUE")
)

numbers <- function(x) paste0("[", paste(ifelse(is.infinite(x), "Infinity",
                                               format(x, digits = 10)), collapse = ", "), "]")
row_of <- function(call) {
  design <- eval(parse(text = sprintf("getDesignGroupSequential(%s,tolerance=1e-10)", call)))
  found <- getDesignCharacteristics(design)
  futile <- if (grepl("futility|BetaSpending", call)) design$futilityBounds else numeric()
  asn <- c(found$averageSampleNumber0, found$averageSampleNumber01, found$averageSampleNumber1)
  sprintf('"%s":\n  {"efficacy": %s, "futility": %s,\n   "shift": %s, "asn": %s}', call,
          numbers(design$criticalValues), numbers(futile), format(found$shift, digits = 10),
          numbers(asn))
}
text <- vapply(calls, row_of, "")
writeLines(c("{", paste(text, collapse = ",\n"), "}"), "group_sequential_rpact.json")
