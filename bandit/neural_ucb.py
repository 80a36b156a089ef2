"""NeuralUCB over a fixed set of arms, by ask and tell. No language models here: an arm is a row of a matrix.

Zhou, Li, Gu: Neural Contextual Bandits with UCB-based Exploration, ICML 2020, arXiv:1911.04462.
"""

from typing import Literal

import torch
from torch import Tensor

from bandit.diagonal_widths import DiagonalCovariance
from bandit.full_widths import FullCovariance
from bandit.history import History
from bandit.network import RewardNetwork
from bandit.normalise import normalise, standardise
from bandit.upper_confidence import UpperConfidence

COVARIANCES = {"full": FullCovariance, "diagonal": DiagonalCovariance}


class NeuralUCB:
    """Which arms to play next, when a play is dear and arms with similar features have similar rewards.

    ``acquisition(x) = f(x; theta) + nu * width(x)``: the estimate of a network fitted to the rewards seen, plus a bonus
    for what it cannot know yet. The first arms are drawn at random; from then on `ask` gives the best not played.

    Ours, not the paper's: every fit goes on from the ``theta`` of the one before; rewards are standardised; ``nu`` is
    no constant but set at every fit so that the bonus has a stated size.

    Example:
        bandit = NeuralUCB(features, generator=torch.Generator().manual_seed(7))
        for _ in range(20):
            for arm in bandit.ask(4):
                bandit.tell(arm, play(arm))
    """

    def __init__(
        self,
        features: Tensor,
        *,
        generator: torch.Generator,
        num_initial: int = 10,
        exploration: float = 0.1,
        width: Literal["full", "diagonal"] = "full",
        lam: float = 0.1,
        num_hidden: int = 100,
        weight_decay: float = 1e-3,
        max_steps: int = 50,
    ):
        """Draw the initial arms and the initial network; nothing is random after this.

        Args:
            features: One row an arm, `(n, d)`, floating point, finite; any scale (they are normalised here). On any
                device that knows float64; in float32 the network and the memory are, and only what cancels is not.
            generator: A CPU generator.
            num_initial: Arms played before the network is asked, drawn without replacement.
            exploration: The median bonus ``nu * width`` over the unplayed arms, in standard deviations of the rewards
                seen; 0 is greedy.
            width: Which covariance of the gradients the width comes from.
            lam: Regularisation of the width, > 0: the smaller, the sooner a played direction counts as known.
            num_hidden: Hidden units of the network.
            weight_decay: L2 penalty of the network's fit.
            max_steps: Most iterations of a fit.

        Raises:
            ValueError: features are not a matrix of finite floating-point numbers, num_initial is not between 1 and the
                number of arms, width is neither full nor diagonal, or lam is not above 0.
        """
        if width not in COVARIANCES:
            raise ValueError(f"width must be {' or '.join(COVARIANCES)}, not {width!r}")
        if not lam > 0:
            raise ValueError(f"lam must be above 0, not {lam}")
        self.features = normalise(features)
        self.history = History(len(features), num_initial=num_initial, generator=generator)
        self.exploration = exploration
        self.weight_decay = weight_decay
        self.max_steps = max_steps
        self._covariance = COVARIANCES[width](self.features, lam=lam)
        self._network = RewardNetwork(features.shape[1], num_hidden, generator=generator, dtype=features.dtype)
        self._network.to(features.device)
        self._num_fitted = 0
        """How many of the rewards told the network has seen; it is fitted again when there are more."""
        self._upper_confidence: UpperConfidence | None = None

    def ask(self, n: int = 1) -> list[int]:
        """The `n` arms to play next; only initial arms while there are any left. See `Bandit`."""
        if len(self.history.arms) == self.history.num_arms:
            return []
        return self.history.initial_arms(n) or self._fitted().best(n)

    def tell(self, arm: int, reward: float) -> None:
        """Take in a reward, one known from before too. See `Bandit`."""
        self.history.tell(arm, reward)
        self._upper_confidence = None

    def fit(self) -> None:
        """Fit the network to what was told since the last fit, if anything was. `ask` sees to it by itself."""
        if self._num_fitted == len(self.history.arms):
            return
        self._network.fit(
            self.features[self.history.arms],
            standardise(torch.tensor(self.history.rewards).to(self.features)),
            weight_decay=self.weight_decay,
            max_steps=self.max_steps,
        )
        self._num_fitted = len(self.history.arms)

    def estimate(self) -> Tensor:
        """Rewards the network expects, in standard deviations from the mean of those seen, `(n,)`."""
        return self._fitted().estimate

    def width(self) -> Tensor:
        """What is not yet known of each arm, `(n,)`, from the gradients of all played arms at the present theta."""
        return self._fitted().widths.values()

    def acquisition(self) -> Tensor:
        """Estimate plus bonus of every arm, `(n,)`; the median bonus of the unplayed arms is `exploration`."""
        return self._fitted().acquisition

    def state_dict(self) -> dict[str, Tensor]:
        """All that decides the next answers, except the features and the settings; safetensors can hold it."""
        theta = {f"theta.{name}": tensor.clone() for name, tensor in self._network.state_dict().items()}
        return self.history.state_dict() | theta | {"num_fitted": torch.tensor(self._num_fitted)}

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Go on from a `state_dict` of a bandit with the same features and settings, bit for bit."""
        self.history.load_state_dict(state)
        self._network.load_state_dict({name: state[f"theta.{name}"] for name in self._network.state_dict()})
        self._num_fitted = int(state["num_fitted"])
        self._upper_confidence = None

    def _fitted(self) -> UpperConfidence:
        """What is believed after all that was told. Only when it is needed: telling many at once costs one fit."""
        if self._upper_confidence is None:
            self.fit()
            with torch.no_grad():
                activations = self._network.activations(self.features)
                self._upper_confidence = UpperConfidence(
                    self._network.output(activations),
                    self._covariance.widths(activations, self._network.v.detach(), self.history.arms),
                    self.history.is_unplayed().to(self.features.device),
                    exploration=self.exploration,
                )
        return self._upper_confidence
