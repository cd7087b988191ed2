# Data sets of the R package survival, as the tests read them.
# Run in this folder: Rscript make_data.R   (R 4.2.2, survival 3.5-3)
library(survival)
columns <- function(...) {
  values <- list(...)
  text <- mapply(function(name, value) sprintf("\"%s\": [%s]", name, paste(format(value, digits = 17, trim = TRUE), collapse = ",")),
                 names(values), values)
  paste0("{", paste(text, collapse = ",\n  "), "}")
}
colon2 <- subset(colon, etype == 2 & rx != "Lev")
lung2 <- subset(lung, !is.na(ph.ecog) & ph.ecog < 3)
cat("{\"veteran\": ", with(veteran, columns(time = time, event = status, arm = trt - 1,
    stratum = as.integer(celltype), karno = karno, age = age)), ",\n",
    "\"lung\": ", with(lung2, columns(time = time, event = status - 1, arm = sex - 1, stratum = ph.ecog, age = age)), ",\n",
    "\"ovarian\": ", with(ovarian, columns(time = futime, event = fustat, arm = rx - 1, stratum = resid.ds, age = age)), ",\n",
    "\"colon\": ", with(colon2, columns(time = time, event = status, arm = 1 * (rx == "Lev+5FU"), stratum = node4, age = age)),
    "}\n", sep = "", file = "data.json")
