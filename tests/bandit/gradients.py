"""What every width is tested against: gradients written out by autograd, the covariance too, all in float64."""

import copy

import torch
from torch import Tensor

from bandit.diagonal_widths import DiagonalCovariance
from bandit.full_widths import FullCovariance
from bandit.network import RewardNetwork

COVARIANCES = {"full": FullCovariance, "diagonal": DiagonalCovariance}


def make_network(num_features, num_hidden, seed=0, dtype=torch.float64):
    generator = torch.Generator().manual_seed(seed)
    network = RewardNetwork(num_features, num_hidden, generator=generator, dtype=dtype)
    with torch.no_grad():  # biases that are not zero, so that their gradients are tested off the start
        network.b.normal_(generator=generator)
        network.c.fill_(0.7)
    return network


def make_arms(num_arms, num_features, seed=0, dtype=torch.float64):
    return torch.randn(num_arms, num_features, generator=torch.Generator().manual_seed(seed + 1), dtype=dtype)


def make_widths(form, network, x, played, *, lam=0.1):
    with torch.no_grad():
        return COVARIANCES[form](x, lam=lam).widths(network.activations(x), network.v.detach(), played)


def gradients(network: RewardNetwork, x: Tensor) -> Tensor:
    """One row of ``df/dtheta`` for each arm, `(n, p)`."""
    network = copy.deepcopy(network).double()
    rows = []
    for arm in x.double():
        parts = torch.autograd.grad(network(arm[None]).squeeze(), list(network.parameters()))
        rows.append(torch.cat([part.reshape(-1) for part in parts]))
    return torch.stack(rows)


def reference_widths(form: str, network: RewardNetwork, x: Tensor, played: list[int], *, lam: float) -> Tensor:
    """The definition, with ``Z (p, p)`` or its diagonal: ``sqrt(lam g^T Z^-1 g)``, `(n,)`."""
    g = gradients(network, x)
    Z = lam * torch.eye(g.shape[1], dtype=g.dtype) + g[played].T @ g[played]
    if form == "diagonal":
        Z = Z.diagonal().diag()
    return (lam * (g * torch.linalg.solve(Z, g.T).T).sum(1)).sqrt()
