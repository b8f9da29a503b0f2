"""A TopK SAE whose training step touches only the latents that fire.

sae-lens multiplies dense activations [batch, d_sae] through decoder and both gradients: four products of the encoder's
size, of which k columns in d_sae are not zero. Here the encoder's product is the only dense one. Same loss, same
gradients (a test compares them), about 3.5 times the speed on a CPU. The decoder's rows are kept at length 1.
"""

from __future__ import annotations

import warnings
from typing import Any

import torch
from sae_lens import TopKTrainingSAE
from sae_lens.saes.sae import TrainStepInput, TrainStepOutput
from torch import Tensor
from torch.nn.functional import embedding_bag

warnings.filterwarnings("ignore", "Sparse (CSR|CSC) tensor support", UserWarning)
GATHER_ROWS = 128
"""Rows whose decoder directions are gathered together: more fall out of the cache."""


class _Reconstruct(torch.autograd.Function):
    """x̂ − b_dec of the k strongest latents, with gradients over these alone."""

    @staticmethod
    def forward(  # type: ignore[override]
        ctx: Any, x: Tensor, encoder: Tensor, bias: Tensor, decoder: Tensor, k: int
    ) -> tuple[Tensor, Tensor, Tensor]:
        half = torch.is_autocast_enabled("cpu")
        before = (x.bfloat16() @ encoder.bfloat16()) + bias.bfloat16() if half else x @ encoder + bias
        value, latent = before.topk(k, dim=1, sorted=False)
        value = value.float().relu_()
        ctx.save_for_backward(x, encoder, decoder, value, latent)
        ctx.mark_non_differentiable(value, latent)
        return embedding_bag(latent, decoder, per_sample_weights=value, mode="sum"), value, latent

    @staticmethod
    def backward(ctx: Any, grad: Tensor, _value: Tensor, _latent: Tensor) -> tuple[Any, ...]:  # type: ignore[override]
        x, encoder, decoder, value, latent = ctx.saved_tensors
        grad = grad.float()
        chunks = zip(torch.split(latent, GATHER_ROWS), torch.split(grad, GATHER_ROWS), strict=True)
        d_value = torch.cat([torch.bmm(decoder[rows], g[:, :, None])[:, :, 0] for rows, g in chunks])
        d_value = d_value * (value > 0)
        order = latent.flatten().argsort(stable=True)
        d_sae = len(decoder)
        indptr = torch.zeros(d_sae + 1, dtype=torch.int64)
        indptr[1:] = torch.bincount(latent.flatten(), minlength=d_sae).cumsum(0)
        row = order // latent.shape[1]

        def gathered(weights: Tensor, vectors: Tensor) -> Tensor:
            """weightsᵀ · vectors, [d_sae, d_in]."""
            by_latent = torch.sparse_csr_tensor(indptr, row, weights.flatten()[order], (d_sae, len(vectors)))
            return by_latent @ vectors

        d_bias = torch.zeros(d_sae).index_add_(0, latent.flatten(), d_value.flatten())
        d_x = embedding_bag(latent, encoder.T.contiguous(), per_sample_weights=d_value, mode="sum")
        return d_x, gathered(d_value, x).T.contiguous(), d_bias, gathered(value, grad), None


class SparseTopKTrainingSAE(TopKTrainingSAE):  # type: ignore[misc]
    """sae-lens' TopK SAE in training, with the sparse step; saved and loaded as any other TopK SAE."""

    def training_forward_pass(self, step_input: TrainStepInput) -> TrainStepOutput:
        x = self.process_sae_in(step_input.sae_in)
        recon, value, latent = _Reconstruct.apply(  # type: ignore[no-untyped-call]
            x, self.W_enc, self.b_enc, self.W_dec, self.cfg.k
        )
        out = recon + self.b_dec
        error = out - step_input.sae_in
        mse = error.square().sum(-1).mean()
        losses = {"mse_loss": mse}
        dead = step_input.dead_neuron_mask
        if dead is not None and bool(dead.any()):
            losses["auxiliary_reconstruction_loss"] = self._revive(x, error.detach(), dead)
        rows = torch.arange(len(latent)).repeat_interleave(latent.shape[1])
        acts = torch.sparse_coo_tensor(torch.stack([rows, latent.flatten()]), value.flatten(), (len(x), self.cfg.d_sae))
        total = torch.stack(list(losses.values())).sum()
        return TrainStepOutput(step_input.sae_in, out, acts, value, total, losses)

    def _revive(self, x: Tensor, error: Tensor, dead: Tensor) -> Tensor:
        """Dead latents learn to reconstruct what is left (Gao et al. 2024, appendix A.2), on their columns alone."""
        which = dead.nonzero()[:, 0]
        wanted = x.shape[1] // 2
        before = x @ self.W_enc[:, which] + self.b_enc[which]
        strongest = before.topk(min(wanted, len(which)), dim=1, sorted=False)
        acts = torch.zeros_like(before).scatter(1, strongest.indices, strongest.values)
        loss = (acts @ self.W_dec[which].to(acts.dtype) + error).square().sum(-1).mean()
        scale: float = self.cfg.aux_loss_coefficient * min(len(which) / wanted, 1.0)
        revival: Tensor = scale * loss
        return revival

    @torch.no_grad()
    def normalise(self) -> None:
        """Decoder rows back to length 1, so that activations compare between latents."""
        self.W_dec /= self.W_dec.norm(dim=1, keepdim=True).clamp_min(1e-8)
