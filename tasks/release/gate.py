"""Which forget pairs are still worth a step (ours).

Subtracting an update that was trained on what the model no longer says only damages it: beyond about 3 nats a token
further steps bring nothing. So each step trains on the pairs the current model still finds likely, and when few are
left the release is done: it says stop by itself, where fixed weights never would.
"""

from collections.abc import Sequence


def open_pairs(nll: Sequence[float], tau: float) -> list[int]:
    """Indices of the pairs whose NLL a response token, in nats under the current model, is below `tau`."""
    return [i for i, value in enumerate(nll) if value < tau]


def few_remain(num_open: int, num_pairs: int, *, min_share: float) -> bool:
    """Whether the open pairs are too few for another step: none, or less than `min_share` of all."""
    return num_open == 0 or num_open < min_share * num_pairs
