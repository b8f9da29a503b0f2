"""Plain arrays give what sae-lens gives, for every architecture that it saves."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from core.errors import CoreError, EngineMissing
from tests.handmade import python

D_IN, M = 12, 40
CLEAR = 1e-3
"""Activations of some units that differ by more are never taken for each other, whatever the processor."""


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MNEMOSCOPE_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def saved(tmp_path: Path) -> Callable[..., Any]:
    """saved("topk", k=3): an SAE of random weights in tmp_path / "sae"; returned as sae-lens reads it again."""
    import sae_lens
    import torch

    def make(architecture: str, rounds: int = 0, **settings: Any) -> Any:
        torch.manual_seed(0)
        prefix = {"standard": "Standard", "topk": "TopK", "jumprelu": "JumpReLU", "gated": "Gated"}[architecture]
        config = getattr(sae_lens, f"{prefix}SAEConfig")(d_in=D_IN, d_sae=M, **settings)
        if rounds:
            config.metadata.correction_rounds = rounds
        sae = getattr(sae_lens, f"{prefix}SAE")(config)
        with torch.no_grad():
            for parameter in sae.parameters():
                parameter.copy_(torch.randn_like(parameter) * 0.5)
            if architecture == "jumprelu":
                sae.threshold.copy_(torch.rand(M))
        sae.save_model(tmp_path / "sae")
        return sae_lens.SAE.load_from_disk(tmp_path / "sae", device="cpu").eval()

    return make


def states() -> Any:
    import torch

    return torch.randn(200, D_IN, generator=torch.Generator().manual_seed(1)) * 3


CASES = [
    pytest.param("standard", {"apply_b_dec_to_input": True}, id="standard"),
    pytest.param("standard", {"apply_b_dec_to_input": False}, id="standard, input as it is"),
    pytest.param("topk", {"k": 5, "apply_b_dec_to_input": True}, id="topk"),
    pytest.param("topk", {"k": 5, "rescale_acts_by_decoder_norm": True}, id="topk, rescaled"),
    pytest.param("topk", {"k": 5, "rescale_acts_by_decoder_norm": False}, id="topk, not rescaled"),
    pytest.param("jumprelu", {"apply_b_dec_to_input": True}, id="jumprelu"),
    pytest.param("gated", {"apply_b_dec_to_input": True}, id="gated"),
    pytest.param("gated", {"apply_b_dec_to_input": False}, id="gated, input as it is"),
    pytest.param("standard", {"normalize_activations": "layer_norm"}, id="layer norm"),
    pytest.param("gated", {"normalize_activations": "layer_norm"}, id="gated, layer norm"),
    pytest.param("topk", {"k": 5, "normalize_activations": "constant_norm_rescale"}, id="constant norm"),
    pytest.param("jumprelu", {"normalize_activations": "expected_average_only_in"}, id="a factor that nobody knows"),
]


@pytest.mark.parametrize(("architecture", "settings"), CASES)
def test_the_latents_are_those_of_sae_lens(
    saved: Callable[..., Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    architecture: str,
    settings: dict[str, Any],
) -> None:
    import torch

    from core.encoding.sae import dictionary as dictionaries
    from core.encoding.sae.dictionary import PlainDictionary, load

    monkeypatch.setitem(dictionaries.TOKENS_AT_ONCE, "cpu", 64)  # so that there are several rounds
    sae, x = saved(architecture, **settings), states()
    for _ in range(2):  # made, and read from the cache
        dictionary = load(tmp_path / "sae")
        assert isinstance(dictionary, PlainDictionary)
        assert (dictionary.d_in, dictionary.n_latents) == (D_IN, M)
        with torch.inference_mode():
            expected = sae.encode(x)
            found = dictionary.encode(x)
            assert (found.value > 0).all()
            assert found.row.tolist() == sorted(found.row.tolist())
            dense = torch.zeros(len(x), M)
            dense[found.row, found.latent] = found.value
            assert 0 < len(found.value) < dense.numel()
            torch.testing.assert_close(dense, expected, atol=1e-4, rtol=1e-4)
            torch.testing.assert_close(dictionary.decode(found, len(x)), sae.decode(expected), atol=1e-4, rtol=1e-4)


def corrected_by_hand(sae: Any, x: Any, k: int, rounds: int) -> tuple[Any, Any]:
    """(code [t, m], margin [t]) in float64, one token after another, with what is left out instead of a Gram matrix.

    The margin is the smallest distance of any choice on the way: between the last that was taken and the first that was
    not, of what was taken from 0, and the length of what is left along the code's own latents: where nothing is, the
    step is 0/0. A choice within rounding may be another one on another processor.
    """
    import torch

    centred = (x - sae.b_dec).double()
    before = centred @ sae.W_enc.double() + sae.b_enc.double()
    size = sae.W_dec.double().norm(dim=1)
    found, margin = torch.zeros_like(before), torch.zeros(len(x), dtype=torch.float64)
    for token in range(len(x)):
        strongest = before[token].argsort(descending=True)
        near, first = strongest[: 2 * k], before[token, strongest]
        directions = sae.W_dec.double()[near] / size[near, None]
        code = (before[token, near].relu() * size[near]).where(torch.arange(2 * k) < k, 0)
        gaps = [first[k - 1] - first[k], first[2 * k - 1] - first[2 * k], code[:k].abs().min()]
        for _ in range(rounds):
            missing = directions @ (centred[token] - code @ directions)
            own = missing * (code > 0)
            code = code + own.square().sum() / (own @ directions).square().sum().clamp_min(1e-30) * missing
            ordered = code.sort().values
            gaps += [ordered[-k] - ordered[-k - 1], ordered[-k:].abs().min(), own.norm()]
            code = code.where(code >= ordered[-k], 0).relu()
        found[token, near] = code / size[near]
        margin[token] = min(gaps)
    return found, margin


@pytest.mark.parametrize("rounds", [1, 6])
def test_rounds_of_correction_are_normalised_iterative_hard_thresholding(
    saved: Callable[..., Any], tmp_path: Path, rounds: int
) -> None:
    """Wherever a choice is clear: what is nearly equal is no matter of the formula but of the processor."""
    import torch

    from core.encoding.sae.dictionary import load

    sae, x = saved("topk", k=5, rounds=rounds, rescale_acts_by_decoder_norm=False), states()
    with torch.inference_mode():
        expected, margin = corrected_by_hand(sae, x, 5, rounds)
        found = load(tmp_path / "sae").encode(x)
        dense = torch.zeros(len(x), M)
        dense[found.row, found.latent] = found.value
        clear = margin > CLEAR
        assert clear.float().mean() > 0.9
        torch.testing.assert_close(dense[clear], expected[clear].float(), atol=1e-3, rtol=1e-3)
        assert not torch.equal(dense > 0, sae.encode(x) > 0)


@pytest.mark.parametrize("k", [1, 7])
def test_matching_pursuit_is_that_of_sae_lens(saved: Callable[..., Any], tmp_path: Path, k: int) -> None:
    """Some latents are taken twice; nothing is taken from a state at the bias, nor where nothing is left."""
    import torch

    from core.encoding.sae.dictionary import _lens_pursuit, load, matching_pursuit
    from core.encoding.sae.pursuit import Pursuit

    sae = saved("topk", k=5)
    x = torch.cat([states(), sae.b_dec.detach()[None]])
    plain = load(tmp_path / "sae")
    mine, theirs = matching_pursuit(plain, k), _lens_pursuit(plain, k)
    assert isinstance(mine, Pursuit)
    found, expected = mine.encode(x), theirs.encode(x)
    dense, wanted = torch.zeros(2, len(x), M)
    dense[found.row, found.latent], wanted[expected.row, expected.latent] = found.value, expected.value
    assert (dense > 0).sum(1).max() <= k
    assert not dense[-1].any()
    assert k == 1 or (dense[:-1] > 0).sum(1).min() < k
    torch.testing.assert_close(dense[:-1], wanted[:-1], atol=5e-3, rtol=5e-3)
    torch.testing.assert_close(mine.decode(found, len(x)), theirs.decode(expected, len(x)), atol=5e-3, rtol=5e-3)
    for sae in (plain, mine):
        assert sae.decode(sae.encode(x[:0]), 0).shape == (0, D_IN)
    spent = matching_pursuit(plain, 500)
    torch.testing.assert_close(spent.decode(spent.encode(x), len(x)), x, atol=2e-2, rtol=2e-2)


def test_a_dictionary_too_wide_for_its_cosines_goes_through_sae_lens(
    saved: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from core.encoding.sae import dictionary, pursuit

    saved("topk", k=5)
    plain = dictionary.load(tmp_path / "sae")
    assert pursuit.pursuit_bytes(M) == 2 * M * M
    monkeypatch.setattr(pursuit, "MOST_LATENTS", M - 1)
    assert isinstance(dictionary.matching_pursuit(plain, 5), dictionary.LensDictionary)
    assert pursuit.pursuit_bytes(M) == 0


@pytest.mark.parametrize("rounds", [-1, 10**9, "many", 1.5])
def test_rounds_that_are_no_number_of_rounds(saved: Callable[..., Any], tmp_path: Path, rounds: Any) -> None:
    from core.encoding.sae.dictionary import load

    saved("topk", k=5, rounds=rounds)
    with pytest.raises(CoreError, match="rounds of correction in the metadata of its cfg"):
        load(tmp_path / "sae")


def test_an_encoder_that_the_sae_cannot_have_is_said_in_words(saved: Callable[..., Any], tmp_path: Path) -> None:
    from core.encoding.sae.dictionary import encoded_by, load

    saved("standard")
    with pytest.raises(CoreError, match="“mine” asks for the encoder “matching_pursuit”, which is for TopK SAEs"):
        encoded_by("matching_pursuit", load(tmp_path / "sae"), "mine")
    saved("topk", k=5)
    with pytest.raises(CoreError, match="asks for the encoder “best”; there are matching_pursuit and trained"):
        encoded_by("best", load(tmp_path / "sae"), "mine")


def test_rounds_of_correction_leave_less_out_where_directions_are_near() -> None:
    """Three states between two near directions: one product of the encoder gives too much of both."""
    import torch

    from core.encoding.sae.dictionary import PlainDictionary

    near = torch.nn.functional.normalize(torch.tensor([[1.0, 0.2, 0], [1.0, -0.2, 0], [0, 0, 1.0]]), dim=1)
    tensors = {"W_enc": near.T.clone(), "b_enc": torch.zeros(3), "W_dec": near, "b_dec": torch.zeros(3)}
    x = torch.tensor([[1.0, 0, 0], [1.0, 0.1, 0], [0.5, 0, 0.5]])

    def left_out(rounds: int) -> float:
        sae = PlainDictionary(tensors, "topk", 2, torch.float32, rounds=rounds)
        return float((x - sae.decode(sae.encode(x), 3)).square().sum())

    assert left_out(0) > 4 * left_out(1) > 4 * left_out(6)


def test_a_token_that_nothing_fires_on_stays_empty_through_the_rounds() -> None:
    import torch

    from core.encoding.sae.dictionary import PlainDictionary

    tensors = {"W_enc": torch.eye(3), "b_enc": torch.full((3,), -5.0), "W_dec": torch.eye(3), "b_dec": torch.zeros(3)}
    found = PlainDictionary(tensors, "topk", 2, torch.float32, rounds=6).encode(torch.eye(3))
    assert len(found.row) == 0


def test_tokens_for_which_nothing_fires(saved: Callable[..., Any], tmp_path: Path) -> None:
    import torch

    from core.encoding.sae.dictionary import load

    saved("standard")
    dictionary = load(tmp_path / "sae")
    x = states()[:3]
    found = dictionary.encode(x)
    nothing = type(found)(found.row[:0], found.latent[:0], found.value[:0])
    bias = dictionary.decode(nothing, 3)
    assert bias.shape == (3, D_IN)
    assert (bias == bias[0]).all()
    middle = type(found)(*(part[found.row != 1] for part in (found.row, found.latent, found.value)))
    torch.testing.assert_close(dictionary.decode(middle, 3)[1], bias[0])


def test_the_mean_is_that_of_the_training_where_it_was_recorded(saved: Callable[..., Any], tmp_path: Path) -> None:
    import torch
    from safetensors.torch import save_file

    from core.encoding.sae.dictionary import load

    sae = saved("topk", k=3)
    torch.testing.assert_close(load(tmp_path / "sae").mean, sae.b_dec.detach())
    mean = torch.arange(D_IN).float()
    save_file({"mean": mean}, tmp_path / "sae" / "stats.safetensors")
    torch.testing.assert_close(load(tmp_path / "sae").mean, mean)


LOAD_AGAIN = """
import sys
from pathlib import Path
from core.encoding.sae.dictionary import load
load(Path(sys.argv[1]))
print(sorted({"sae_lens", "transformer_lens", "transformers"} & set(sys.modules)))
"""


def test_the_second_load_needs_no_sae_lens(saved: Callable[..., Any], tmp_path: Path) -> None:
    from core.encoding.sae.dictionary import load

    saved("topk", k=3)
    load(tmp_path / "sae")
    with python(LOAD_AGAIN, tmp_path / "sae") as other:
        assert other.communicate() == ("[]\n", "")


def test_other_weights_are_not_taken_from_the_cache(saved: Callable[..., Any], tmp_path: Path) -> None:
    from core.encoding.sae.dictionary import load

    saved("topk", k=3)
    assert load(tmp_path / "sae").encode(states()).value.numel() <= 3 * 200
    saved("topk", k=7)
    assert load(tmp_path / "sae").encode(states()).value.numel() > 3 * 200


def test_a_folder_that_holds_no_sae(tmp_path: Path) -> None:
    from core.encoding.sae.dictionary import load

    for _ in range(2):
        with pytest.raises(EngineMissing, match=r"holds no SAE: cfg.json with sae_weights.safetensors"):
            load(tmp_path)
        (tmp_path / "cfg.json").write_text("{}")
    (tmp_path / "ae.pt").write_bytes(b"")
    with pytest.raises(EngineMissing, match="holds no SAE but pickled ones"):
        load(tmp_path)


def test_damaged_files_are_a_sentence(saved: Callable[..., Any], tmp_path: Path) -> None:
    from core.encoding.sae.dictionary import load

    saved("topk", k=3)
    (tmp_path / "sae" / "cfg.json").write_text('{"architecture": "topk"}')
    with pytest.raises(CoreError, match=f"sae-lens could not read the SAE in {tmp_path}/sae: "):
        load(tmp_path / "sae")
