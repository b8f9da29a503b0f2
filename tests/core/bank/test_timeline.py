from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from scipy.sparse import csr_array

from core import CoreError, Memory, MemoryBank
from core.analysis import timeline as over_time
from tests.fakes import latent_of

Make = Callable[..., MemoryBank]


def fires(*rows: str) -> csr_array:
    """One row a latent, ``x`` where it fires: [t, m]."""
    return csr_array(np.array([[c == "x" for c in row] for row in rows], np.float32).T)


def test_persistence_by_hand() -> None:
    """Four turns in a row among twenty: 3 + 2 + 1 pairs at most 4 apart; 19 + 18 + 17 + 16 = 70 pairs of places."""
    bits = over_time.persistence(fires("xxxx................", "x....x....x....x....", "xxx................."))
    expected = 70 * 4 * 3 / (20 * 19)
    assert bits[0] == pytest.approx(6 * math.log2(6 / expected) - (6 - expected) / math.log(2))
    assert bits[1] == 0, "its turns never lie together"
    assert bits[2] == 0, "three turns are too few for a topic"


def test_topics_do_not_repeat_one_another() -> None:
    topics, bits = over_time.topics(
        fires("xxxxxx..............", "xxxxx...............", "..........xxxx......", "x....x....x....x...."), 5
    )
    assert topics.tolist() == [0, 2]
    assert bits[0] > bits[1] > 0


def test_episodes_end_with_a_long_silence() -> None:
    assert over_time.episodes(np.array([2, 3, 7, 12, 13])) == [(2, 7, 3), (12, 13, 2)]
    assert over_time.episodes(np.array([], np.int32)) == []


def test_drift_is_the_cosine_of_means() -> None:
    rows = np.array([[1, 0], [0, 1], [1, 0], [1, 0]], np.float32)
    found = over_time.drift(rows, [0, 0, 1, 1])
    assert found.tolist() == pytest.approx([math.sqrt(0.5)])
    np.testing.assert_allclose(over_time.drift(csr_array(rows), [0, 0, 1, 1]), found)
    assert len(over_time.drift(rows, [0, 0, 0, 0])) == 0


def dialogue(make_bank: Make) -> MemoryBank:
    said = ["fox", "fox den", "fox", "fox", *["nothing"] * 8, "fox snow", "snow", "snow", "snow"]
    turns = [
        Memory(f"t{i:02}", f"{text} word{i}", conversation="c", session=f"session_{1 + i // 8}", position=i)
        for i, text in enumerate(said)
    ]
    return make_bank(*turns, Memory("alone", "fox fox", position=0))


def test_a_dialogue_over_time(make_bank: Make) -> None:
    bank = dialogue(make_bank)
    line = bank.timeline("c", k=2)
    assert line.ids == tuple(f"t{i:02}" for i in range(16))
    assert line.sessions == ("session_1", "session_2")
    assert line.session_of.tolist() == [0] * 8 + [1] * 8
    assert latent_of("nothing") in line.latents
    fox = latent_of("fox")
    picked = bank.timeline("c", latents=[latent_of("snow"), fox])
    assert picked.latents.tolist() == [fox, latent_of("snow")], "by the turn in which they enter"
    assert picked.episodes[0] == ((0, 3, 4), (12, 12, 1))
    assert picked.turns(fox) == [0, 1, 2, 3, 12]
    assert picked.values[0, 0] == 3
    assert np.isnan(picked.weight).all()
    assert picked.drift["dense"].shape == picked.drift["sparse"].shape == (1,)
    assert 0 < picked.drift["sparse"][0] < 1


def test_the_latents_of_a_text(make_bank: Make) -> None:
    line = dialogue(make_bank).timeline("c", text="snow fox elephant")
    assert set(line.latents.tolist()) == {latent_of("fox"), latent_of("snow")}, "those that never fire are left out"
    assert (line.weight > 0).all()


def test_what_cannot_be_followed_is_said(make_bank: Make) -> None:
    bank = dialogue(make_bank)
    with pytest.raises(CoreError, match="no encoded turn of a conversation “d”"):
        bank.timeline("d")
    with pytest.raises(CoreError, match="Latent 512 does not exist"):
        bank.timeline("c", latents=[512])
