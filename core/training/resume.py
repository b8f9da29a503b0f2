"""Go on from a trained SAE: some of its latents are given new directions, and all of them are trained further.

A long training leaves latents that hardly ever fire, and latents that fire on the same word again and again. Each is
pointed at what the dictionary leaves out of one token state (drawn by the squared error), strong enough to be among the
k of that token, and trained on (resampling, Bricken et al. 2023, with the residual instead of the input).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch.nn.functional import normalize

from core.encoding.sae.dictionary import load
from core.errors import CoreError

COUNTED_TOKENS, DRAWN_TOKENS = 300_000, 60_000
STRENGTH = 1.5
"""First activation of a new direction on its own token, in units of the weakest one that counted there."""
_AT_ONCE = 8192


def go_on(trainer: Any, start: Path, seldom: int, states: Any, spelled: Any = None) -> int:
    """Put the weights of a TopK SAE into the trainer's, in the scale it trains in; returns how many were replaced.

    states: float [COUNTED_TOKENS + DRAWN_TOKENS, d]. seldom: latents that fire on fewer of the counted tokens are
    replaced; 0 replaces none. spelled: bool [m], others that are replaced.
    """
    old: Any = load(start)
    sae = trainer.sae
    if (old.d_in, old.n_latents) != (sae.cfg.d_in, sae.cfg.d_sae):
        raise CoreError(f"{start} has {old.n_latents:,} latents of {old.d_in} numbers: ask for the same --width.")
    scale = float(sae.cfg.d_in**0.5 / states[:20_000].norm(dim=1).mean())
    trainer.activation_scaler.scaling_factor = scale
    length = old.decoder.norm(dim=1)
    encoder = old.encoder.float() * length
    bias = (old.bias + old.decoder_bias @ old.encoder.float()) * length * scale
    decoder, mean = normalize(old.decoder, dim=1), old.decoder_bias * scale
    counts = torch.zeros(old.n_latents, dtype=torch.int64)
    for batch in states[:COUNTED_TOKENS].split(_AT_ONCE):
        counts += torch.bincount(old.encode(batch).latent, minlength=old.n_latents)
    which = ((counts < seldom) if spelled is None else (counts < seldom) | spelled).nonzero()[:, 0]
    if len(which):
        drawn = states[COUNTED_TOKENS:]
        found = old.encode(drawn)
        left_out = drawn - old.decode(found, len(drawn))
        weakest = torch.full((len(drawn),), float("inf")).scatter_reduce(0, found.row, found.value, "amin")
        picked = torch.multinomial(left_out.square().sum(1), len(which), replacement=False)
        directions = normalize(left_out[picked], dim=1)
        along = ((drawn[picked] * scale - mean) * directions).sum(1).clamp_min(0.5)
        wanted = weakest[picked] * length.mean() * scale * STRENGTH
        encoder[:, which] = (directions * (wanted / along)[:, None]).T
        bias[which], decoder[which] = 0, directions
    with torch.no_grad():
        for parameter, value in (
            (sae.W_enc, encoder), (sae.b_enc, bias), (sae.W_dec, decoder), (sae.b_dec, mean),
        ):  # fmt: skip
            parameter.copy_(value)
    return len(which)
