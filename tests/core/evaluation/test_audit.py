from __future__ import annotations

import numpy as np
import pytest
from scipy.sparse import csr_array

from core.evaluation.audit import audit


def fires(*columns: str) -> csr_array:
    """One text of 1s and 0s per latent, a letter for each text."""
    return csr_array(np.asarray([[int(c) for c in column] for column in columns], bool).T)


A = np.asarray([True] * 6 + [False] * 6)


def test_by_hand() -> None:
    """Latent 0 fires in all of A and none of B, latent 3 the other way in five; 1 in four texts, too few; 2 evenly."""
    found = audit(fires("111111000000", "110000110000", "111000111000", "000000111110"), A, ~A)
    assert (found.n_a, found.n_b) == (6, 6)
    assert found.latents.tolist() == [0, 2, 3]
    assert found.fires_a.tolist() == [6, 3, 0]
    assert found.fires_b.tolist() == [0, 3, 5]
    assert found.log_odds == pytest.approx([2 * np.log(13), 0, np.log(0.5 * 1.5 / (6.5 * 5.5))])
    error = np.sqrt(2 / 6.5 + 2 / 0.5)
    assert found.low[0] == pytest.approx(2 * np.log(13) - 1.959964 * error)
    assert found.high[0] == pytest.approx(2 * np.log(13) + 1.959964 * error)
    # Fisher: 1 of C(12, 6) = 924 tables on either side; 6 C(6, 5) of C(12, 5) = 792 for five. Three latents looked at.
    p = np.asarray([2 / 924, 1.0, 2 * 6 / 792])
    assert found.q == pytest.approx([p[0] * 3, 1.0, p[2] * 3 / 2])


def test_texts_of_neither_group_do_not_count() -> None:
    b = ~A & (np.arange(12) < 9)
    found = audit(fires("111111111111"), A, b)
    assert (found.fires_a.tolist(), found.fires_b.tolist(), found.n_b) == ([6], [3], 3)


def test_nothing_to_tell_apart() -> None:
    assert len(audit(fires("110000000000"), A, ~A).latents) == 0
    one_sided = audit(fires("111111000000"), A, np.zeros(12, bool))
    assert one_sided.q.tolist() == [1.0]
