"""How a closed test tests several hypotheses at once within a stage."""

from enum import Enum


class Intersection(Enum):
    """How several hypotheses are tested at once within a stage."""

    DUNNETT = "dunnett"
    """By the distribution of the largest of several comparisons with one control."""
    SPIESSENS_DEBOIS = "spiessens_debois"
    """By the distribution of the larger of full population and subgroup."""
    SIMES = "simes"
    BONFERRONI = "bonferroni"

    @property
    def in_words(self) -> str:
        """Whose test it is."""
        return f"{_WHOSE[self.value]} test"


_WHOSE = {
    "dunnett": "Dunnett's",
    "spiessens_debois": "Spiessens and Debois'",
    "simes": "Simes'",
    "bonferroni": "Bonferroni's",
}
