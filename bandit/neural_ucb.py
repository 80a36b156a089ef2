"""NeuralUCB over a fixed set of arms, by ask and tell. No language models here: an arm is a row of a matrix.

Zhou, Li, Gu: Neural Contextual Bandits with UCB-based Exploration, ICML 2020, arXiv:1911.04462.
"""

import torch
from torch import Tensor

from bandit.network import RewardNetwork
from bandit.widths import diagonal_width


class NeuralUCB:
    """Which arm to play next, when a play is dear and arms with similar features have similar rewards.

    ``acquisition(x) = f(x; theta) + nu * width(x)``: the estimate of a network fitted to the rewards seen, plus a bonus
    for what it cannot know yet. The first arms are drawn at random; from then on `ask` is the best arm not played.

    Ours, not the paper's: every fit starts from the same ``theta_0`` and is carried to its end; rewards are
    standardised; ``nu`` is no constant but set at every fit so that the bonus has a stated size.

    Example:
        bandit = NeuralUCB(features, generator=torch.Generator().manual_seed(7))
        for _ in range(50):
            arm = bandit.ask()
            bandit.tell(arm, play(arm))
    """

    def __init__(
        self,
        features: Tensor,
        *,
        generator: torch.Generator,
        num_initial: int = 10,
        exploration: float = 0.3,
        lam: float = 0.1,
        num_hidden: int = 100,
        weight_decay: float = 1e-3,
        max_steps: int = 50,
    ):
        """Draw the initial arms and the initial network; nothing is random after this.

        Args:
            features: One row an arm, `(n, d)`, floating point, finite; any scale (they are normalised here).
            generator: A CPU generator.
            num_initial: Arms played before the network is asked, drawn without replacement.
            exploration: The median bonus ``nu * width`` over the unplayed arms, in standard deviations of the rewards
                seen; 0 is greedy.
            lam: Regularisation of the width, > 0.
            num_hidden: Hidden units of the network.
            weight_decay: L2 penalty of the network's fit.
            max_steps: Most iterations of a fit.

        Raises:
            ValueError: features are not a matrix of finite floating-point numbers, or num_initial is not between 1 and
                the number of arms.
        """
        if features.ndim != 2 or not features.is_floating_point() or not features.isfinite().all():
            raise ValueError(
                f"features must be a matrix of finite floating-point numbers, one row an arm, "
                f"not {features.dtype} of shape {tuple(features.shape)}"
            )
        if not 1 <= num_initial <= len(features):
            raise ValueError(f"num_initial must be between 1 and the {len(features)} arms, not {num_initial}")
        self.features = normalise(features)
        self.num_initial = num_initial
        self.exploration = exploration
        self.lam = lam
        self.weight_decay = weight_decay
        self.max_steps = max_steps

        self.arms: list[int] = []
        self.rewards: list[float] = []
        self._initial_arms = torch.randperm(len(features), generator=generator)[:num_initial]
        self._network = RewardNetwork(features.shape[1], num_hidden, generator=generator, dtype=features.dtype)
        self._network.to(features.device)
        self._theta_0 = {name: tensor.clone() for name, tensor in self._network.state_dict().items()}
        self._is_fitted = False

    def ask(self) -> int:
        """The arm to play next; the same one until something is told.

        Raises:
            ValueError: every arm has been played.
        """
        if len(self.arms) == len(self.features):
            raise ValueError(f"every arm has been played: all {len(self.features)} of them")
        if len(self.arms) < self.num_initial:
            return next(arm for arm in self._initial_arms.tolist() if arm not in self.arms)
        return int(self.acquisition().index_fill(0, self._played, -torch.inf).argmax())

    def tell(self, arm: int, reward: float) -> None:
        """Take in the reward of an arm, asked for or not (rewards known from before may be told first).

        Raises:
            ValueError: there is no such arm, or it was played before.
        """
        if not 0 <= arm < len(self.features):
            raise ValueError(f"arm must be one of the {len(self.features)} rows of the features, not {arm}")
        if arm in self.arms:
            raise ValueError(f"arm {arm} was played before: its reward is known")
        self.arms.append(arm)
        self.rewards.append(reward)
        self._is_fitted = False

    @torch.no_grad()
    def estimate(self) -> Tensor:
        """Rewards the network expects, in standard deviations from the mean of those seen, `(n,)`."""
        return self._fitted_network()(self.features)

    def width(self) -> Tensor:
        """What is not yet known of each arm, `(n,)`, from the gradients of all played arms at the present theta."""
        return diagonal_width(self._fitted_network(), self.features, self.features[self._played], lam=self.lam)

    def acquisition(self) -> Tensor:
        """Estimate plus bonus of every arm, `(n,)`; the median bonus of the unplayed arms is `exploration`."""
        width = self.width()
        is_unplayed = torch.ones_like(width, dtype=torch.bool).index_fill(0, self._played, False)
        nu = self.exploration / width[is_unplayed].median()
        return self.estimate() + nu * width

    def state_dict(self) -> dict[str, Tensor]:
        """All that decides the next answers, except the features and the settings; safetensors can hold it."""
        return {
            "arms": torch.tensor(self.arms, dtype=torch.int64),
            "rewards": torch.tensor(self.rewards, dtype=torch.float64),
            "initial_arms": self._initial_arms.clone(),
            **{f"theta_0.{name}": tensor.clone() for name, tensor in self._theta_0.items()},
        }

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Go on from a `state_dict` of a bandit with the same features and settings, bit for bit."""
        self.arms = state["arms"].tolist()
        self.rewards = state["rewards"].tolist()
        self._initial_arms = state["initial_arms"].clone()
        self._network.load_state_dict({name: state[f"theta_0.{name}"] for name in self._theta_0})
        self._theta_0 = {name: tensor.clone() for name, tensor in self._network.state_dict().items()}
        self._is_fitted = False

    @property
    def _played(self) -> Tensor:
        return torch.tensor(self.arms, dtype=torch.int64, device=self.features.device)

    def _fitted_network(self) -> RewardNetwork:
        """The network fitted to all that was told. Only when it is needed: telling many at once costs one fit."""
        if not self._is_fitted:
            self._network.load_state_dict(self._theta_0)
            self._network.fit(
                self.features[self._played],
                standardise(torch.tensor(self.rewards).to(self.features)),
                weight_decay=self.weight_decay,
                max_steps=self.max_steps,
            )
            self._is_fitted = True
        return self._network


def standardise(values: Tensor) -> Tensor:
    """Zero mean and unit variance along the first dimension; what does not vary becomes zero."""
    centred = values - values.mean(0)
    deviation = centred.square().mean(0).sqrt()
    # Constant columns have a deviation of rounding errors, not of zero.
    is_constant = deviation <= 1e-6 * values.abs().amax(0)
    return torch.where(is_constant, 0.0, centred / deviation)


def normalise(features: Tensor) -> Tensor:
    """Standardised features, each arm then scaled to the norm ``sqrt(d)``; `(n, d)`.

    The theory assumes equal norms; with standardised features alone the width follows the length of an arm more than
    its novelty.
    """
    x = standardise(features)
    norm = x.norm(dim=1, keepdim=True)
    return torch.where(norm > 0, x * features.shape[1] ** 0.5 / norm, 0.0)
