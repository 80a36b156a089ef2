"""The decode loop: many rows at once, each prompt read once, rows that ended left behind."""

from collections.abc import Sequence

import torch
from torch import Tensor
from transformers import DynamicCache

from tasks.models.language_model import LanguageModel
from tasks.models.sampling import Sampling, next_tokens

_COMPACT_BELOW = 0.75
"""Rows that ended leave the batch once fewer than this share is still running: leaving costs a copy of the cache."""


@torch.inference_mode()
def decode(
    lm: LanguageModel,
    inputs: Sequence[Sequence[int] | Tensor],
    input_of_row: Sequence[int],
    uniforms: Tensor | None,
    sampling: Sampling,
) -> list[list[int]]:
    """What the model writes in each row, an end token included where there is one.

    Args:
        lm: The model.
        inputs: Token ids, or input embeddings `(tokens, hidden_size)`, all of one kind; lengths may differ.
        input_of_row: For each row the index of the input it continues; an input may have many rows.
        uniforms: What each row draws with, in (0, 1], shape `(rows, max_new_tokens)`; None for greedy.
        sampling: Length, temperature, nucleus.
    """
    cache = DynamicCache(config=lm.model.config)
    logits, mask = _read_inputs(lm, inputs, cache)
    width = cache.get_seq_length()

    owner = torch.tensor(input_of_row, device=lm.device)
    cache.batch_select_indices(owner)
    logits = logits[owner]
    if mask is not None:
        mask = torch.cat([mask[owner], mask.new_ones(len(owner), sampling.max_new_tokens)], dim=1)

    rows = torch.arange(len(owner), device=lm.device)
    ended = torch.zeros(len(rows), dtype=torch.bool, device=lm.device)
    written = torch.zeros(len(rows), sampling.max_new_tokens, dtype=torch.long, device=lm.device)
    is_end = torch.zeros(logits.shape[-1], dtype=torch.bool, device=lm.device)
    is_end[lm.end_token_ids] = True

    for step in range(sampling.max_new_tokens):
        tokens = next_tokens(logits, None if uniforms is None else uniforms[rows, step], sampling)
        written[rows, step] = tokens
        ended |= is_end[tokens]
        num_running = len(rows) - int(ended.sum())
        if num_running == 0 or step + 1 == sampling.max_new_tokens:
            break
        if num_running < _COMPACT_BELOW * len(rows):
            running = (~ended).nonzero().squeeze(-1)
            cache.batch_select_indices(running)
            rows, tokens, ended = rows[running], tokens[running], ended[running]
            mask = None if mask is None else mask[running]
        seen = None if mask is None else mask[:, : width + step + 1]
        logits = lm.model(
            input_ids=tokens[:, None],
            attention_mask=seen,
            position_ids=None if seen is None else seen.sum(dim=1, keepdim=True) - 1,
            past_key_values=cache,
            use_cache=True,
        ).logits[:, -1]

    return [_until_end(row, lm.end_token_ids) for row in written[:, : step + 1].tolist()]


def _read_inputs(
    lm: LanguageModel, inputs: Sequence[Sequence[int] | Tensor], cache: DynamicCache
) -> tuple[Tensor, Tensor | None]:
    """Fill the cache with the inputs, padded on the left so that all of them end, and go on, in the same column.

    Returns:
        Logits after the last token, shape `(inputs, vocabulary)`; attention mask `(inputs, longest)`, None for no
        padding, with which attention is faster.
    """
    longest = max(map(len, inputs))
    missing = [longest - len(item) for item in inputs]
    if isinstance(inputs[0], Tensor):
        padded = [torch.nn.functional.pad(item, (0, 0, m, 0)) for item, m in zip(inputs, missing, strict=True)]
        content = {"inputs_embeds": torch.stack(padded).to(lm.device, lm.model.dtype)}
    else:
        padded = [[lm.pad_token_id] * m + list(item) for item, m in zip(inputs, missing, strict=True)]
        content = {"input_ids": torch.tensor(padded, device=lm.device)}

    mask = positions = None
    if any(missing):
        columns = torch.arange(longest, device=lm.device)
        positions = columns - torch.tensor(missing, device=lm.device)[:, None]
        mask, positions = (positions >= 0).long(), positions.clamp(min=0)
    out = lm.model(
        **content,
        attention_mask=mask,
        position_ids=positions,
        past_key_values=cache,
        use_cache=True,
        logits_to_keep=1,
    )
    return out.logits[:, -1], mask


def _until_end(tokens: list[int], end_token_ids: Sequence[int]) -> list[int]:
    end = next((i for i, token in enumerate(tokens) if token in end_token_ids), len(tokens))
    return tokens[: end + 1]
