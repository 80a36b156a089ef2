"""How unsure the network is of an arm: the width of its confidence interval, in closed form.

Each form of the width is one function of (network, arms, played arms, lam), and keeps nothing between calls: ``theta``
moves with every fit, so a covariance that was summed up along the way would mix gradients taken at different ``theta``.

Shapes: `n` arms, `t` played arms, `d` features, `h` hidden units.

Zhou, Li, Gu: Neural Contextual Bandits with UCB-based Exploration, ICML 2020, arXiv:1911.04462.
"""

import torch
from torch import Tensor

from bandit.network import RewardNetwork


@torch.no_grad()
def diagonal_width(network: RewardNetwork, arms: Tensor, played: Tensor, *, lam: float) -> Tensor:
    """How far each arm's gradient lies outside those of the played arms, coordinate by coordinate.

    ``width^2 = lam * sum_j g_j^2 / U_j`` with ``U_j = lam + sum_played g_j^2`` and ``g(x) = d f(x) / d theta``, all at
    the network's present ``theta``. (The factor lam is the convention of the published instruction searches; the paper
    has ``sqrt(g^T Z^-1 g / h)``, and uses the diagonal in its experiments.)

    For one hidden layer ``g`` factorises, ``df/dW = D x^T, df/db = D, df/dv = A, df/dc = 1`` with ``A = relu(W x + b)``
    and ``D = 1[A > 0] * v``. So the sum over W is a matrix product, and no gradient `(h d + 2 h + 1,)` is ever formed.

    Args:
        network: Gives ``theta``; left unchanged.
        arms: Features of the arms asked about, `(n, d)`.
        played: Features of every arm played so far, the initial ones included, `(t, d)`; t may be 0.
        lam: Regularisation of the covariance, > 0: the smaller, the sooner a played direction counts as known.

    Returns:
        Widths `(n,)`, positive; at most ``|g|``, which they are before anything was played.
    """
    D2, A2, X2 = _squared_factors(network, played)
    U_W = lam + D2.T @ X2
    U_b = lam + D2.sum(0)
    U_v = lam + A2.sum(0)
    U_c = lam + len(played)

    D2, A2, X2 = _squared_factors(network, arms)
    over_W = (D2 * (X2 @ U_W.reciprocal().T)).sum(1)
    return (lam * (over_W + D2 @ U_b.reciprocal() + A2 @ U_v.reciprocal() + 1 / U_c)).sqrt()


def _squared_factors(network: RewardNetwork, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The squares of ``D (n, h)``, ``A (n, h)`` and ``x (n, d)``."""
    A = torch.relu(x @ network.W.T + network.b)
    D = (A > 0) * network.v
    return D.square(), A.square(), x.square()
