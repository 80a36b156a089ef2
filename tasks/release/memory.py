"""What a step needs on the device beyond the model, in bytes, from the model's sizes; docs/memory.md has the formulas.

Everything is counted but one coefficient, that of `way_back_bytes`, which was read off measurements. On a CPU, for
Llamas of three sizes, the peaks of `benchmarks.memory` are within a tenth of these. No torch here.
"""

from tasks.models.shape import Shape


def block_bytes(shape: Shape, rank: int) -> int:
    """What a block keeps of a token for the way back.

    In float32 the input of a layer is kept once for all adapters on it. In bfloat16 each adapter keeps a float32 copy
    of its own, and so does each norm.
    """
    h, f, q, kv, e = shape.hidden, shape.mlp, shape.queries, shape.kv, shape.element
    attention = e * (2 * q + 2 * kv) + 4 * shape.heads
    factors = 4 * 7 * rank
    norms, inputs, gates = (8 * h, 4 * (5 * h + q + f), 3 * e * f) if e == 2 else (8 * h, 8 * h, 16 * f)
    return norms + inputs + gates + attention + factors + 8


def way_back_bytes(shape: Shape) -> int:
    """Gradients of a token under way in one block; the one coefficient here that was read off measurements."""
    return (11 if shape.element == 2 else 8) * shape.mlp


HEAD = 12
"""Bytes for each response token and word: the log-softmax in float32, its gradient, and that of the logits."""


def training_bytes(
    shape: Shape, *, sequences: int, length: int, response: int, rank: int, gradient_checkpointing: bool
) -> int:
    """Peak of one pass of adapter training, on top of the model.

    Args:
        shape: Of the model.
        sequences: In the pass.
        length: Tokens of each, padding included.
        response: Tokens of each from the first response token of any on.
        rank: Of the adapter.
        gradient_checkpointing: Blocks keep only their input.
    """
    tokens, states = sequences * length, 12 * shape.adapter(rank)
    kept, back = block_bytes(shape, rank) * tokens, way_back_bytes(shape) * tokens
    head = HEAD * shape.vocabulary * sequences * response
    if gradient_checkpointing:
        inputs = shape.element * shape.hidden * tokens
        return states + max(
            shape.layers * inputs + max(head, kept + back), 4 * shape.adapter(rank) + inputs + kept + back
        )
    return states + max(shape.layers * kept + max(head, back), 4 * shape.adapter(rank) + kept + back)


def merge_bytes(shape: Shape, *, rank: int, steps: int, is_cuda: bool) -> int:
    """Peak of a merge on top of the model: the change of one layer, the layer in float32, and factors, twice.

    On a CPU the files are mapped into memory, which the system takes back when it needs it; that is not counted.
    """
    h, f, e = shape.hidden, shape.mlp, shape.element
    base = (4 if e == 2 else 0) + (e if is_cuda else 0)
    return (4 + base) * h * f + 2 * 4 * 2 * steps * rank * (h + f)


def adapters_bytes(shape: Shape, *, rank: int, steps: int) -> int:
    """What the factors of all steps take on the host."""
    return 2 * steps * 4 * shape.adapter(rank)


def reading_bytes(shape: Shape) -> int:
    """What a token needs in one block when nothing is kept."""
    return shape.element * (3 * shape.mlp + 4 * shape.hidden)


def likelihood_bytes(shape: Shape, *, sequences: int, length: int, response: int) -> int:
    """Peak of scoring given responses, on top of the model."""
    return max(
        (12 if shape.element == 4 else 10) * shape.vocabulary * sequences * response
        + shape.element * shape.hidden * sequences * length,
        reading_bytes(shape) * sequences * length,
    )


def writing_bytes(shape: Shape, *, sequences: int, prompt: int, new: int) -> int:
    """Peak of greedy generation, on top of the model: the cache, one layer of it twice, and the logits."""
    token = 2 * shape.element * shape.kv
    cache = (shape.layers + 1) * token * sequences * (prompt + new)
    reading = shape.layers * token * sequences * prompt + reading_bytes(shape) * sequences * prompt
    return max(cache + 2 * shape.element * shape.vocabulary * sequences, reading)
