"""What a bank knows of its latents, with an engine whose every latent is a word."""

from __future__ import annotations

from math import isnan, log2
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from core import MemoryBank
from core.analysis.peaks import spoken, word_of
from core.analysis.trust import Sides
from core.encoding import catalogue
from core.encoding.catalogue import Catalogue
from core.errors import CoreError
from core.progress import finish
from core.settings import cache_folder
from core.types import Memory, Reading, Span
from tests.fakes import N_LATENTS, D, FakeEncoder, latent_of

TEXTS = ("the lake house", "a cold lake", "the lake", "bread and house", "bread")
LAKE, HOUSE, BREAD, THE = (latent_of(w) for w in ("lake", "house", "bread", "the"))


class Described(FakeEncoder):
    """The same encoder with a catalogue beside its dictionary."""

    known = Catalogue(None, None)

    @property
    def catalogue(self) -> Catalogue:
        return self.known


@pytest.fixture
def engine(tmp_path: Path) -> Described:
    """Latent LAKE is called “water”; texts to judge labels on come with it: two that fire it, two that do not."""
    folder = tmp_path / "sae"
    folder.mkdir()
    none: list[list[object]] = [[] for _ in range(N_LATENTS)]
    labels = [""] * N_LATENTS
    labels[LAKE], labels[HOUSE] = "water", "home / roof"
    words = [list(row) for row in none]
    words[LAKE] = ["lake", "shore"]
    shares = [list(row) for row in none]
    shares[LAKE] = [0.75, 0.25]
    contexts = [list(row) for row in none]
    contexts[LAKE] = [{"text": "By the lake.", "start": 7, "end": 11, "activation": 4.0, "interval": "top"}]
    columns = {
        "label": labels,
        "source": ["words" if text else "" for text in labels],
        "score": np.where(np.asarray(labels) != "", 0.9, np.nan).astype(np.float32),
        "trust": np.where(np.asarray(labels) != "", 0.8, np.nan).astype(np.float32),
        "density": np.full(N_LATENTS, 0.01, np.float32),
        "max": np.full(N_LATENTS, 5, np.float32),
        "mean": np.full(N_LATENTS, 2, np.float32),
        "histogram": [[1, 2, 3]] * N_LATENTS,
        "words": words,
        "word_share": shares,
        "nearest": [[1, 2]] * N_LATENTS,
        "nearest_cosine": [[0.5, 0.25]] * N_LATENTS,
        "contexts": pa.array(contexts, pa.list_(pa.struct({
            "text": pa.string(), "start": pa.int32(), "end": pa.int32(),
            "activation": pa.float32(), "interval": pa.string(),
        }))),
    }  # fmt: skip
    side = np.full((N_LATENTS, 24), -1, np.int32)
    positive, negative = side.copy(), side.copy()
    positive[LAKE], negative[LAKE] = np.arange(24) % 2, 2 + np.arange(24) % 2
    encoder = Described()
    vectors = encoder.encode(["lake lake", "lake", "salt", "butter"]).dense
    catalogue.write(folder, columns, vectors, Sides(positive, negative))
    encoder.known = catalogue.read(folder)
    return encoder


@pytest.fixture
def bank(tmp_path: Path, engine: Described) -> MemoryBank:
    bank = MemoryBank.open(tmp_path / "bank.duckdb", engine)
    finish(bank.add(Reading([Memory(f"m{i}", text) for i, text in enumerate(TEXTS)], [], [])))
    return bank


def column(table: pa.Table, name: str) -> list[object]:
    values: list[object] = table[name].to_pylist()
    return values


# --- the table --------------------------------------------------------------------------------------------------------


def test_latents_by_how_many_memories_fire_them(bank: MemoryBank) -> None:
    table = bank.latents.table(limit=4)
    assert column(table, "latent")[0] == LAKE
    assert column(table, "memories") == [3, 2, 2, 2]
    assert table.schema.metadata == {b"found": b"512", b"latents": b"512"}
    assert bank.latents.table(live=True).schema.metadata[b"found"] == b"7"


@pytest.mark.parametrize(
    ("search", "found"),
    [("water", [LAKE]), ("WATER", [LAKE]), ("shore", [LAKE]), ("water shore", [LAKE]), ("water roof", []),
     (str(HOUSE), [HOUSE]), (f"#{HOUSE}", [HOUSE]), ("zebra", []), ("%", []), ("home / roof", [HOUSE])],
)  # fmt: skip
def test_search(bank: MemoryBank, search: str, found: list[int]) -> None:
    assert column(bank.latents.table(search), "latent") == found


def test_which_latents_fire_on_a_text(bank: MemoryBank) -> None:
    table = bank.latents.table(text="bread lake", sort="fires")
    assert column(table, "latent") == [BREAD, LAKE]
    assert column(table, "fires") == [5.0, 4.0]


def test_filters_and_orders(bank: MemoryBank) -> None:
    assert set(column(bank.latents.table(min_trust=0.7), "latent")) == {LAKE, HOUSE}
    assert column(bank.latents.table(sort="latent", descending=False, limit=2), "latent") == [0, 1]
    bank.latents.bookmark(BREAD, "food")
    assert column(bank.latents.table(bookmarked=True), "latent") == [BREAD]
    with pytest.raises(CoreError, match="not by “mood”"):
        bank.latents.table(sort="mood")


def test_trust_here_goes_before_trust_elsewhere(bank: MemoryBank) -> None:
    """Of latents that this bank is too small to judge, those trusted elsewhere come first, then all others."""
    first = [HOUSE, LAKE] if HOUSE < LAKE else [LAKE, HOUSE]
    assert column(bank.latents.table(sort="trust_here", limit=2), "latent") == first
    bank.latents.rename(HOUSE, "kitchen")
    assert column(bank.latents.table(sort="trust_here", limit=1), "latent") == [LAKE]


def test_a_dictionary_that_nobody_described(tmp_path: Path) -> None:
    bank = MemoryBank.open(tmp_path / "plain.duckdb", FakeEncoder())
    finish(bank.add(Reading([Memory("m", "the lake")], [], [])))
    table = bank.latents.table("lake")
    assert len(table) == 0
    info = bank.latents.info(LAKE)
    assert (info.label.text, info.label.source, info.memories, info.contexts) == ("", "", 1, ())
    assert isnan(info.density)
    with pytest.raises(CoreError, match="has a label yet"):
        finish(bank.trust.measure())
    with pytest.raises(CoreError, match="no texts to measure trust on"):
        finish(bank.trust.measure_shipped())


# --- one latent -------------------------------------------------------------------------------------------------------


def test_everything_about_one_latent(bank: MemoryBank) -> None:
    info = bank.latents.info(LAKE)
    assert (info.label.text, info.label.source) == ("water", "words")
    assert info.label.trust == pytest.approx(0.8)
    assert info.words_here == (("lake", 1.0),)
    assert info.words == (("lake", 0.75), ("shore", 0.25))
    assert (info.memories, info.memory_density, info.memory_max) == (3, 0.6, 4.0)
    assert [(i, value, span.text) for i, value, span in info.top] == [(f"m{i}", 4.0, "lake") for i in (0, 1, 2)]
    assert info.contexts[0].text == "By the lake."
    assert info.nearest == ((1, 0.5), (2, 0.25))
    assert sum(info.memory_histogram) == 3
    by = {latent: (jaccard, pmi, n) for latent, jaccard, pmi, n in info.coactive}
    assert by[THE] == (pytest.approx(2 / 3), pytest.approx(log2(2 * 5 / (3 * 2))), 2)
    assert by[HOUSE] == (pytest.approx(1 / 4), pytest.approx(log2(1 * 5 / (3 * 2))), 1)
    assert BREAD not in by


def test_the_word_it_peaks_on_among_some_memories(bank: MemoryBank) -> None:
    index, among = bank.index(), np.asarray([True, False, True, True, True])
    assert spoken(index, LAKE, among) == [("the lake house", "lake"), ("the lake", "lake")]
    assert spoken(index, LAKE, ~among) == [("a cold lake", "lake")]
    assert spoken(index, N_LATENTS - 1, among) == []


@pytest.mark.parametrize(
    ("token", "word"),
    [((2, 7), "lake’s"), ((3, 5), "lake’s"), ((9, 11), "…"), ((9, 10), "…"), ((0, 12), ""), ((8, 9), "")],
)
def test_a_token_with_its_space_is_part_of_a_word(token: tuple[int, int], word: str) -> None:
    text = "a lake’s … x"
    assert word_of(text, Span(*token, text[slice(*token)])) == word


def test_a_word_without_end_is_cut() -> None:
    assert word_of("x" * 1000, Span(3, 5, "xx")) == "x" * 40


def test_a_latent_that_does_not_exist(bank: MemoryBank) -> None:
    for latent in (-1, N_LATENTS):
        with pytest.raises(CoreError, match="does not exist: this dictionary has 512"):
            bank.latents.info(latent)


# --- names ------------------------------------------------------------------------------------------------------------


def test_your_own_name_goes_first_and_can_be_taken_back(bank: MemoryBank) -> None:
    label = bank.latents.rename(LAKE, "  lakes\nand ponds ")
    assert (label.text, label.source) == ("lakes and ponds", "yours")
    assert [one.source for one in bank.latents.info(LAKE).labels] == ["yours", "words"]
    assert bank.latents.rename(LAKE, "").text == "water"
    with pytest.raises(CoreError, match="at most 200 characters"):
        bank.latents.rename(LAKE, "x" * 201)


def test_a_typed_name_is_judged_at_once(bank: MemoryBank) -> None:
    good, bad = bank.latents.rename(LAKE, "lake"), bank.latents.rename(LAKE, "butter")
    assert good.trust == 1.0  # each of the two texts that fire it lies nearer than the two that do not
    assert bad.trust < 0.5
    assert isnan(bank.latents.rename(BREAD, "bread").trust)  # no texts came with it


def test_order_of_sources(bank: MemoryBank) -> None:
    bank.latents.store([(LAKE, "neuronpedia", "from outside", 0.5), (LAKE, "llm", "by a model", None)])
    assert [one.text for one in bank.latents.info(LAKE).labels] == ["by a model", "from outside", "water"]
    assert bank.latents.labels([LAKE, THE])[THE].text == ""
    with pytest.raises(CoreError, match="not from “words”"):
        bank.latents.store([(LAKE, "words", "no", None)])


def test_labels_survive_a_reopening_and_belong_to_one_engine(bank: MemoryBank, engine: Described) -> None:
    bank.latents.rename(LAKE, "ponds")
    assert MemoryBank.open(bank.path, engine).latents.labels([LAKE])[LAKE].text == "ponds"
    assert MemoryBank.open(bank.path, FakeEncoder(fingerprint="other")).latents.labels([LAKE])[LAKE].text == ""


def test_csv_out_and_in(bank: MemoryBank, tmp_path: Path) -> None:
    table = bank.latents.export_labels()
    assert len(table) == N_LATENTS
    file = tmp_path / "labels.csv"
    file.write_text(f"latent,label\n{LAKE},water\n{HOUSE},dwelling\n")
    assert bank.latents.import_labels(file) == 1  # “water” was shown already
    assert bank.latents.labels([HOUSE])[HOUSE].text == "dwelling"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("number,label\n1,x\n", "has no column “latent”"),
        ("latent,label\nsix,x\n", "line 2, field “latent”: “six” is no number. Nothing was changed."),
        (f"latent,label\n1,x\n{N_LATENTS},y\n", "line 3, field “latent”: 512 is not in 0–511"),
        ("latent,label\n1," + "x" * 201 + "\n", "line 2, field “label”: longer than 200"),
        ("", "is empty"),
    ],
)
def test_a_bad_csv_changes_nothing(bank: MemoryBank, tmp_path: Path, text: str, sentence: str) -> None:
    file = tmp_path / "bad.csv"
    file.write_text(text)
    version = bank.version
    with pytest.raises(CoreError, match=sentence):
        bank.latents.import_labels(file)
    assert bank.version == version


def test_a_file_that_is_no_text(bank: MemoryBank, tmp_path: Path) -> None:
    (tmp_path / "bad.csv").write_bytes(bytes(range(256)))
    with pytest.raises(CoreError, match="cannot be read as CSV"):
        bank.latents.import_labels(tmp_path / "bad.csv")


# --- trust ------------------------------------------------------------------------------------------------------------


def test_trust_among_the_memories(tmp_path: Path, engine: Described) -> None:
    bank = MemoryBank.open(tmp_path / "big.duckdb", engine)
    lakes = [Memory(f"a{i}", f"lake number{i}") for i in range(30)]
    others = [Memory(f"b{i}", f"salt number{i}") for i in range(30)]
    finish(bank.add(Reading([*lakes, *others], [], [])))
    bank.latents.rename(LAKE, "lake")
    report = finish(bank.trust.measure())
    assert report["n_latents"] == 1
    assert report["mean_auroc"] > 0.9
    label = bank.latents.labels([LAKE])[LAKE]
    assert (label.trust_here, label.n_here) == (pytest.approx(report["mean_auroc"], abs=1e-3), 24)
    assert column(bank.latents.table("lake"), "trust_here") == [pytest.approx(label.trust_here)]
    bank.latents.rename(LAKE, "ponds of old")
    again = bank.latents.labels([LAKE])[LAKE]
    assert again.trust_here != label.trust_here  # of the new name, not of the old one


def notes(bank: MemoryBank, prefix: str, n: int) -> list[str]:
    """What is told while 2 n memories are added."""
    texts = [f"{word} {prefix}{i}" for i in range(n) for word in ("lake", "salt")]
    return [step.note for step in bank.add(Reading([Memory(text, text) for text in texts], [], []))]


def test_trust_is_measured_when_memories_come(tmp_path: Path, engine: Described) -> None:
    bank = MemoryBank.open(tmp_path / "grows.duckdb", engine)
    assert "trust measured" not in notes(bank, "few", 8)  # 16 tell nothing
    assert "trust measured" in notes(bank, "more", 22)
    first = bank.latents.labels([LAKE])[LAKE]
    assert (first.text, first.n_here) == ("water", 24)
    for i in range(3):
        assert "trust measured" not in notes(bank, f"some{i}", 1)  # 2, 4, 6 among 60
    assert bank.latents.labels([LAKE])[LAKE] == first
    assert "trust measured" in notes(bank, "last", 1)  # 8 among 68 since it was measured


def test_an_import_survives_trust_that_cannot_be_measured(
    tmp_path: Path, engine: Described, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MNEMOSCOPE_CACHE", str(tmp_path / "cache"))
    bank = MemoryBank.open(tmp_path / "bank.duckdb", engine)
    with monkeypatch.context() as broken:
        broken.setattr(engine, "embed", lambda _texts: (_ for _ in ()).throw(OSError("no room")))
        assert notes(bank, "a", 30)[-1] == "trust could not be measured: no room"
    assert bank.latents.labels([LAKE])[LAKE].n_here == 0
    assert [step.note for step in bank.encode()][-1] == "trust measured"  # nothing is pending; trust is


def test_a_damaged_cache_of_labels_is_made_again(
    tmp_path: Path, engine: Described, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MNEMOSCOPE_CACHE", str(tmp_path / "cache"))
    bank = MemoryBank.open(tmp_path / "bank.duckdb", engine)
    notes(bank, "a", 30)
    kept = bank.latents.labels([LAKE])[LAKE]
    (file,) = (cache_folder() / "labels").glob("*.npy")
    whole = file.read_bytes()
    file.write_bytes(whole[:100])
    finish(bank.trust.refresh(anew=True))
    assert bank.latents.labels([LAKE])[LAKE] == kept
    assert file.read_bytes() == whole


def test_memories_too_unlike_to_measure_trust_are_imported_all_the_same(tmp_path: Path, engine: Described) -> None:
    bank = MemoryBank.open(tmp_path / "unlike.duckdb", engine)
    report = finish(bank.add(Reading([Memory(f"m{i}", f"word{i} and{i}") for i in range(40)], [], [])))
    assert report.encoded == 40
    assert isnan(bank.latents.labels([LAKE])[LAKE].trust_here)


def test_a_small_bank_says_nothing(bank: MemoryBank) -> None:
    with pytest.raises(CoreError, match="20 texts a side"):
        finish(bank.trust.measure())
    assert bank.latents.labels([LAKE])[LAKE].n_here == 0


# --- bookmarks and the microscope -------------------------------------------------------------------------------------


def test_bookmarks(bank: MemoryBank) -> None:
    bank.latents.bookmark(LAKE)
    bank.latents.bookmark(BREAD, "food")
    bank.latents.bookmark(LAKE, "water again")
    assert bank.latents.bookmarks() == {LAKE: "water again", BREAD: "food"}
    assert bank.latents.info(BREAD).note == "food"
    bank.latents.bookmark(LAKE, None)
    assert bank.latents.bookmarks() == {BREAD: "food"}


def test_two_texts_under_the_microscope(bank: MemoryBank) -> None:
    pair = bank.latents.pair("the lake house", "the lake and bread")
    assert [line.latent for line in pair.shared] == [LAKE, THE]  # 4 · 4 before 3 · 3
    assert [line.latent for line in pair.only_a] == [HOUSE]
    assert {line.token_b.text for line in pair.only_b} == {"and", "bread"}
    assert (pair.shared[0].token_a.text, pair.shared[0].token_b.text) == ("lake", "lake")
    assert pair.sparse == pytest.approx((9 + 16) / np.sqrt((9 + 16 + 25) * (9 + 16 + 9 + 25)))
    assert pair.jaccard == pytest.approx(2 / 5)
    assert pair.words == ("lake",)
    assert pair.a.text == "the lake house"
    with pytest.raises(CoreError, match="needs two texts"):
        bank.latents.pair("the lake", "  ")


def test_the_catalogue_of_another_width_is_not_used(tmp_path: Path, engine: Described) -> None:
    assert len(engine.catalogue) == N_LATENTS
    assert np.isnan(engine.catalogue.column("trust", N_LATENTS + 1)).all()
    assert engine.catalogue.row(N_LATENTS) == {}
    assert engine.catalogue.judged is not None
    assert engine.catalogue.judged[0].shape[1] == D
