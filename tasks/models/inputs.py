"""What a model is asked to continue, and what came of it: alike for every backend."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

from tasks.models.codec import Codec
from tasks.models.sampling import Completion


@dataclass(frozen=True)
class Input:
    """One prompt, ready to be read."""

    name: str
    """Names its random streams: the text of the prompt, or the digest of the embeddings."""
    content: list[int] | Tensor
    """Token ids, or embeddings of shape `(tokens, hidden_size)`."""
    context: list[int]
    """Tokens that the text of a completion reads on from; none where it is a message of its own."""


def read_inputs(
    codec: Codec,
    prompts: Sequence[str] | None,
    prompt_embeddings: Sequence[Tensor] | None,
    response_prefixes: Sequence[str] | None,
    *,
    max_new_tokens: int,
) -> list[Input]:
    """The inputs of a call of `Generator.generate`.

    Raises:
        UserError: a prompt is empty, or is too long for the model with `max_new_tokens` more.
    """
    assert (prompts is None) != (prompt_embeddings is None), "prompts or prompt_embeddings"
    if prompts is not None:
        prefixes = [""] * len(prompts) if response_prefixes is None else response_prefixes
        inputs = [_text_input(codec, *pair) for pair in zip(prompts, prefixes, strict=True)]
    else:
        assert response_prefixes is None, "embeddings are the whole input"
        inputs = [Input(_digest(item), item, context=[]) for item in prompt_embeddings]
    codec.require_context(num_tokens(inputs, max_new_tokens))
    return inputs


def num_tokens(inputs: Sequence[Input], max_new_tokens: int) -> int:
    """Length of the longest text that can come about."""
    return max((len(item.content) for item in inputs), default=0) + max_new_tokens


def completion(codec: Codec, ids: Sequence[int], context: Sequence[int]) -> Completion:
    """What was written, from its tokens, an end token included where there is one."""
    finished = ids[-1] in codec.end_token_ids
    ids = ids[:-1] if finished else ids
    return Completion(codec.decode(ids, after=context), len(ids), finished)


def _text_input(codec: Codec, prompt: str, response_prefix: str) -> Input:
    ids = codec.encode_prompt(prompt, response_prefix)
    return Input(prompt, ids, context=ids if response_prefix or not codec.is_chat else [])


def _digest(embeddings: Tensor) -> str:
    return hashlib.sha256(embeddings.detach().float().cpu().contiguous().numpy().tobytes()).hexdigest()
