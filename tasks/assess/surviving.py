"""How much of an update is left when both models are rounded: whether quantisation can bring back the old.

The share of codes that change is about E|update| / step; the update that survives is the signal plus rounding noise,
and its cosine with the true one falls with |update| / step. The explanation is that of arXiv:2410.16454.
"""

from collections.abc import Iterable
from dataclasses import asdict, dataclass

from torch import Tensor

from tasks.models.quantisation import Scheme, codes_and_steps


@dataclass(frozen=True)
class Surviving:
    """What rounding leaves of an update, over all layers.

    Attributes:
        codes_changed: Share of integer codes that differ, each model rounded with its own scales.
        steps: Mean size of the update, in rounding steps of the untouched model.
        cosine: Between the update and what is left of it, Q(W1) - Q(W0); 0 where either is zero.
    """

    codes_changed: float
    steps: float
    cosine: float

    def to_json(self) -> dict[str, float]:
        """As a JSON object."""
        return asdict(self)


def surviving_update(weights: Iterable[tuple[Tensor, Tensor]], scheme: Scheme) -> Surviving:
    """What is left of the update from the first to the second of each pair of weights.

    Args:
        weights: Of one layer after the other, untouched and unlearned, both `(out, in)`; two at a time in memory.
        scheme: How both are rounded.
    """
    num = changed = steps = inner = square = left_square = 0.0
    for untouched, unlearned in weights:
        codes_0, steps_0 = codes_and_steps(untouched, scheme)
        codes_1, steps_1 = codes_and_steps(unlearned, scheme)
        update = unlearned.double() - untouched.double()
        left = codes_1.double() * steps_1.double() - codes_0.double() * steps_0.double()
        num += update.numel()
        changed += float((codes_0 != codes_1).sum())
        steps += float((update.abs() / steps_0).sum())
        inner += float((update * left).sum())
        square += float(update.square().sum())
        left_square += float(left.square().sum())
    norms = (square * left_square) ** 0.5
    return Surviving(changed / num, steps / num, inner / norms if norms else 0.0)
