"""How likely the model finds given responses."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from tasks.models.batching import batches_by_length, right_padded
from tasks.models.language_model import LanguageModel
from tasks.models.pair import Pair


def nll_per_token(lm: LanguageModel, pairs: Sequence[Pair], *, batch_size: int = 64) -> Tensor:
    """Mean negative log-likelihood of the tokens of each response, in nats; shape `(pairs,)`, float64, on the CPU.

    The end token does not count (ours): it is easy, and would flatter a model in short responses.
    """
    total, count = _response_nll(lm, pairs, batch_size=batch_size, with_end=False)
    assert (count > 0).all(), "a response without tokens has no likelihood"
    return total / count


def perplexity(lm: LanguageModel, pairs: Sequence[Pair], *, batch_size: int = 64) -> float:
    """``exp`` of the mean negative log-likelihood over all response tokens of all pairs, end tokens included."""
    total, count = _response_nll(lm, pairs, batch_size=batch_size, with_end=True)
    return float(torch.exp(total.sum() / count.sum()))


def token_nlls(lm: LanguageModel, pairs: Sequence[Pair], *, batch_size: int = 64) -> list[Tensor]:
    """Negative log-likelihood of each token of each response, in nats; one `(tokens,)` a pair, float64, on the CPU.

    As in `nll_per_token`, which is the mean of each, the end token does not count.
    """
    nlls = [torch.empty(0, dtype=torch.float64)] * len(pairs)
    for batch, nll, is_response in _response_nlls(lm, pairs, batch_size=batch_size, with_end=False):
        for i, values, counts in zip(batch, nll, is_response, strict=True):
            nlls[i] = values[counts]
    return nlls


def nll_per_token_with_end(lm: LanguageModel, pairs: Sequence[Pair], *, batch_size: int = 64) -> Tensor:
    """As `nll_per_token`, with the end token counted as one of the response, as published evaluations do."""
    total, count = _response_nll(lm, pairs, batch_size=batch_size, with_end=True)
    return total / count


def greedy_hits(lm: LanguageModel, pairs: Sequence[Pair], *, batch_size: int = 64) -> list[Tensor]:
    """Whether each token of each response is the likeliest after all before it; one bool `(tokens,)` a pair.

    As in `token_nlls` the end token does not count.
    """
    hits = [torch.empty(0, dtype=torch.bool)] * len(pairs)
    for batch, logits, tokens, is_response in _response_logits(lm, pairs, batch_size=batch_size, with_end=False):
        is_likeliest = (logits.argmax(dim=-1) == tokens).cpu()
        for i, values, counts in zip(batch, is_likeliest, is_response.cpu(), strict=True):
            hits[i] = values[counts]
    return hits


def response_prefix(lm: LanguageModel, pair: Pair, num_tokens: int) -> str:
    """Text of the first `num_tokens` tokens of a response."""
    return lm.running_text(pair.prompt, pair.response).response_up_to(num_tokens)


def _response_nll(
    lm: LanguageModel, pairs: Sequence[Pair], *, batch_size: int, with_end: bool
) -> tuple[Tensor, Tensor]:
    """Summed negative log-likelihood of each response and its number of tokens, both of shape `(pairs,)`, float64."""
    total = torch.zeros(len(pairs), dtype=torch.float64)
    count = torch.zeros(len(pairs), dtype=torch.float64)
    for batch, nll, is_response in _response_nlls(lm, pairs, batch_size=batch_size, with_end=with_end):
        total[batch] = nll.sum(dim=1)
        count[batch] = is_response.double().sum(dim=1)
    return total, count


def _response_nlls(
    lm: LanguageModel, pairs: Sequence[Pair], *, batch_size: int, with_end: bool
) -> Iterator[tuple[list[int], Tensor, Tensor]]:
    """By batch: indices of its pairs, NLL of their tokens `(batch, columns)`, float64, and which count; on the CPU."""
    for batch, logits, tokens, is_response in _response_logits(lm, pairs, batch_size=batch_size, with_end=with_end):
        nll = torch.zeros(is_response.shape, device=lm.device)
        nll[is_response] = cross_entropy(logits[is_response].float(), tokens[is_response], reduction="none")
        yield batch, nll.cpu().double(), is_response.cpu()


@torch.no_grad()
def _response_logits(
    lm: LanguageModel, pairs: Sequence[Pair], *, batch_size: int, with_end: bool
) -> Iterator[tuple[list[int], Tensor, Tensor, Tensor]]:
    """By batch: indices of its pairs, logits `(batch, columns, vocabulary)`, the tokens there, and which count."""
    encoded = [lm.encode_pair(pair if with_end else replace(pair, complete=False)) for pair in pairs]
    lengths = [len(ids) for ids, _ in encoded]
    lm.require_context(max(lengths, default=0))
    for batch in batches_by_length(lengths, batch_size):
        ids = right_padded([encoded[i][0] for i in batch], lm.pad_token_id).to(lm.device)
        end = torch.tensor([lengths[i] for i in batch], device=lm.device)[:, None]
        first = torch.tensor([max(encoded[i][1], 1) for i in batch], device=lm.device)[:, None]
        columns = torch.arange(int(first.min()), ids.shape[1], device=lm.device)
        is_response = (first <= columns) & (columns < end)

        # The logits that predict a column stand one before it; those of the prompts, most of them, are never made.
        logits = lm.model(ids, use_cache=False, logits_to_keep=columns - 1).logits
        yield batch, logits, ids[:, columns], is_response
