from lupusim.report.words.evidence import evidence_in_words as evidence_in_words
from lupusim.report.words.models import model_in_words as model_in_words
from lupusim.report.words.trials import scenario_in_words as scenario_in_words
from lupusim.report.words.trials import what_it_means as what_it_means
