"""O-LoRA: while the retain adapter trains, keep what it reads away from what the forget adapter reads.

Wang et al., "Orthogonal Subspace Learning for Language Model Continual Learning", arXiv:2310.14152:

    L = L_task + weight * sum over layers of sum_jk O[j, k]^2,     O = A_F A_R^T

There the adapters are of successive tasks; here they are the two sides of a step (ours). The paper squares the entries,
its released code takes their absolute values: squares here, as in the formula.
"""

from collections.abc import Callable, Mapping

from torch import Tensor

from tasks.release.adapter import Adapter, Factors

Penalty = Callable[[Mapping[str, Factors]], Tensor]
"""Called with the factors in training, by module name, and differentiable in them; a scalar in nats."""


def away_from(forget: Adapter, *, weight: float) -> Penalty:
    """The penalty on an adapter in training for reading what a frozen adapter reads.

    The input side, `A`, as in the released code: a retain update that does not react to what the forget update reacts
    to cannot put back what that takes away, whatever either writes. And `B` starts at zero, where the gradient of
    `B_F^T B_R` squared is zero too. `A_F` is taken as it is, not orthonormalised, as in the paper.

    Args:
        forget: Frozen; layers that only one of the two has add nothing.
        weight: Factor of the sum of squares, above 0; the paper's is 0.5.
    """

    def penalty(factors: Mapping[str, Factors]) -> Tensor:
        squares = [
            (forget.factors[name].A.to(A.device) @ A.T).square().sum()
            for name, (A, _) in factors.items()
            if name in forget.factors
        ]
        assert squares, "the two adapters share no layer"
        return weight * sum(squares[1:], start=squares[0])

    return penalty
