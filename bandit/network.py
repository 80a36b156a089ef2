"""The reward network: what the bandit believes about arms it has not played. It knows no arms, rounds or bonuses."""

import torch
from torch import Tensor, nn


class RewardNetwork(nn.Module):
    """A reward estimate for a feature vector: one hidden layer of ReLU units.

    ``f(x; theta) = v . relu(W x + b) + c`` with ``W (h, d)``, ``b (h,)``, ``v (h,)``, ``c ()``.

    ``W ~ N(0, 1/d)`` and ``v ~ N(0, 1/h)``, the biases zero: at inputs of norm ``sqrt(d)`` a fresh network is of the
    size of a standardised reward, and so are its gradients. N(0, 1) weights would make the exploration bonus two
    orders larger than any difference between rewards.
    """

    def __init__(
        self, num_features: int, num_hidden: int, *, generator: torch.Generator, dtype: torch.dtype = torch.float32
    ):
        """Draw ``theta`` from `generator` (on the CPU; nothing else is ever drawn)."""
        super().__init__()

        def normal(*shape: int, fan_in: int) -> nn.Parameter:
            return nn.Parameter(torch.randn(*shape, generator=generator, dtype=dtype) / fan_in**0.5)

        self.W = normal(num_hidden, num_features, fan_in=num_features)
        self.b = nn.Parameter(torch.zeros(num_hidden, dtype=dtype))
        self.v = normal(num_hidden, fan_in=num_hidden)
        self.c = nn.Parameter(torch.zeros((), dtype=dtype))

    def forward(self, x: Tensor) -> Tensor:
        """Estimated rewards `(n,)` of feature vectors `(n, d)`."""
        return self.output(self.activations(x))

    def activations(self, x: Tensor) -> Tensor:
        """What the hidden layer makes of feature vectors `(n, d)`: ``relu(W x + b)``, `(n, h)`."""
        return nn.functional.linear(x, self.W, self.b).relu_()

    def output(self, activations: Tensor) -> Tensor:
        """Estimated rewards `(n,)` from activations `(n, h)`."""
        return activations @ self.v + self.c

    def fit(self, x: Tensor, y: Tensor, *, weight_decay: float, max_steps: int) -> None:
        """Move ``theta`` from where it is to a minimum of the regularised squared error.

        ``mean_i (f(x_i) - y_i)^2 + weight_decay |theta|^2``, full batch, by L-BFGS: deterministic, and without a
        learning rate. Called again it is a warm start.

        The search runs in the span of the examples, at a cost that does not grow with ``d``. Outside of it the loss
        sees of ``W`` no more than a length, which is one more coordinate: the minima are the same. (Ours.)

        Args:
            x: Feature vectors, `(t, d)`.
            y: Rewards, `(t,)`, best standardised.
            weight_decay: Strength of the pull towards zero, >= 0.
            max_steps: Most L-BFGS iterations.
        """
        Q, R = torch.linalg.qr(x.T)  # x = R^T Q^T
        with torch.no_grad():
            inside = self.W @ Q
            outside = self.W - inside @ Q.T
            length = outside.norm()
            direction = outside / length.clamp(min=torch.finfo(x.dtype).tiny)
        W, a, b, v, c = theta = [p.detach().clone().requires_grad_() for p in (inside, length, self.b, self.v, self.c)]
        optimizer = torch.optim.LBFGS(theta, max_iter=max_steps, history_size=10, line_search_fn="strong_wolfe")

        def loss() -> Tensor:
            optimizer.zero_grad()
            error = (torch.relu(R.T @ W.T + b) @ v + c - y).square().mean()
            value = error + weight_decay * sum(p.square().sum() for p in theta)
            value.backward()
            return value

        optimizer.step(loss)
        with torch.no_grad():
            fitted = (W @ Q.T + a * direction, b, v, c)
            for parameter, value in zip((self.W, self.b, self.v, self.c), fitted, strict=True):
                parameter.copy_(value)
