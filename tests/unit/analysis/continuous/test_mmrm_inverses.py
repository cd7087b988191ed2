"""Inverses and determinants of the covariances of the visits seen, against NumPy."""

from __future__ import annotations

import numpy as np

from lupusim.analysis.continuous.mmrm_likelihood import _inverses

SIGMA = np.array([[[1.0, 0.5, 0.3], [0.5, 1.4, 0.6], [0.3, 0.6, 2.0]]])
SEEN = np.array([[[True, True, True], [True, False, True], [False, False, True]]])


def test_each_pattern_has_the_inverse_and_determinant_of_its_own_visits() -> None:
    inverse, log_determinant, sound = _inverses(SIGMA, SEEN)
    assert sound.all()
    for pattern, seen in enumerate(SEEN[0]):
        part = SIGMA[0][np.ix_(seen, seen)]
        found = inverse[0, pattern][np.ix_(seen, seen)]
        np.testing.assert_allclose(found, np.linalg.inv(part), rtol=1e-10)
        np.testing.assert_allclose(log_determinant[0, pattern], np.linalg.slogdet(part)[1])
