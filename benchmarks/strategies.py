"""What NeuralUCB is compared with, behind the same protocol and with the same arms to begin with.

All draw their initial arms first thing from the generator, so that equal generators give equal arms; all see the same
normalised features and standardised rewards; all bonuses are calibrated alike, in standard deviations of the rewards.
"""

import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import torch
from sklearn.exceptions import ConvergenceWarning
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import ConstantKernel, Kernel, Matern, WhiteKernel
from torch import Tensor

from bandit.bandit import Bandit
from bandit.full_widths import FullCovariance
from bandit.history import History
from bandit.neural_ucb import NeuralUCB
from bandit.normalise import normalise, standardise
from bandit.upper_confidence import UpperConfidence
from bandit.widths import Widths


class RandomArms:
    """Learns nothing: every arm is drawn."""

    def __init__(self, features: Tensor, *, generator: torch.Generator, num_initial: int = 10):
        self._history = History(len(features), num_initial=len(features), generator=generator)

    def ask(self, n: int = 1) -> list[int]:
        return self._history.initial_arms(n)

    def tell(self, arm: int, reward: float) -> None:
        self._history.tell(arm, reward)


class EpsilonGreedy:
    """The best by the network of NeuralUCB, but one arm in a few at random."""

    def __init__(self, features: Tensor, *, generator: torch.Generator, num_initial: int = 10, epsilon: float = 0.1):
        self._greedy = NeuralUCB(features, generator=generator, num_initial=num_initial, exploration=0.0)
        # Drawn beforehand, by turn: asking twice gives the same answer.
        self._is_random = (torch.rand(len(features), generator=generator) < epsilon).tolist()
        self._order = torch.randperm(len(features), generator=generator).tolist()

    def ask(self, n: int = 1) -> list[int]:
        history, best = self._greedy.history, self._greedy.ask(n)
        if history.initial_arms(1):
            return best
        taken, picks = set(history.arms), []
        for turn in range(len(history.arms), len(history.arms) + len(best)):
            ranking = self._order if self._is_random[turn] else best
            picks.append(next(arm for arm in ranking if arm not in taken))
            taken.add(picks[-1])
        return picks

    def tell(self, arm: int, reward: float) -> None:
        self._greedy.tell(arm, reward)


class _ModelUCB(ABC):
    """Upper confidence by a model with a closed form."""

    def __init__(
        self, features: Tensor, *, generator: torch.Generator, num_initial: int = 10, exploration: float = 0.1
    ):
        self._x = normalise(features)
        self._history = History(len(features), num_initial=num_initial, generator=generator)
        self._exploration = exploration

    def ask(self, n: int = 1) -> list[int]:
        if len(self._history.arms) == self._history.num_arms:
            return []
        return self._history.initial_arms(n) or self.upper_confidence().best(n)

    def tell(self, arm: int, reward: float) -> None:
        self._history.tell(arm, reward)

    @abstractmethod
    def fit(self) -> None:
        """Choose what has no closed form. `ask` sees to it by itself."""

    def upper_confidence(self) -> UpperConfidence:
        self.fit()
        return UpperConfidence(*self._posterior(), self._history.is_unplayed(), exploration=self._exploration)

    def standardised_rewards(self) -> Tensor:
        return standardise(torch.tensor(self._history.rewards, dtype=torch.float64))

    @abstractmethod
    def _posterior(self) -> tuple[Tensor, Widths]:
        """Estimate and widths of all arms."""


class LinUCB(_ModelUCB):
    """Ridge regression and its exact width (Li et al., WWW 2010, arXiv:1003.0146)."""

    def __init__(self, features: Tensor, *, noise: float = 0.1, **settings):
        """`noise` is the variance of a reward's noise as a share of the rewards' variance."""
        super().__init__(features, **settings)
        self._lam = noise * features.shape[1]  # the arms have norm sqrt(d)
        self._covariance = FullCovariance(self._x, lam=self._lam)

    def fit(self) -> None:
        """Nothing: all is in closed form."""

    def _posterior(self) -> tuple[Tensor, Widths]:
        played = self._history.arms
        x = self._x[played]
        weights = torch.linalg.solve(x @ x.T + self._lam * torch.eye(len(x)), self.standardised_rewards().to(x))
        # A linear model is a network of one unit that is always on: its gradient is (x, 1, 1, 1).
        always_on, one = torch.ones(len(self._x), 1, dtype=x.dtype), torch.ones(1, dtype=x.dtype)
        return self._x @ (x.T @ weights), self._covariance.widths(always_on, one, played)


class GPUCB(_ModelUCB):
    """A Gaussian process, Matern 5/2 and white noise, hyper-parameters by marginal likelihood at every fit.

    Srinivas et al., ICML 2010, arXiv:0912.3995; a batch as in Desautels et al., JMLR 2014.
    """

    def __init__(self, features: Tensor, **settings):
        super().__init__(features, **settings)
        self._unit_x = self._x.double().numpy() / features.shape[1] ** 0.5
        self._kernel = ConstantKernel(1.0, (0.1, 10.0)) * Matern(1.0, (0.1, 10.0), nu=2.5) + WhiteKernel(0.1, (1e-3, 1))
        self._num_fitted = 0

    def fit(self) -> None:
        arms = self._history.arms
        if self._num_fitted == len(arms):
            return
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # a hyper-parameter at its bound
            process = GaussianProcessRegressor(self._kernel)
            self._kernel = process.fit(self._unit_x[arms], self.standardised_rewards().numpy()).kernel_
        self._num_fitted = len(arms)

    def _posterior(self) -> tuple[Tensor, Widths]:
        x, arms = self._unit_x, self._history.arms
        signal, noise = self._kernel.k1, self._kernel.k2.noise_level
        process = _condition(signal, noise, x[arms], self.standardised_rewards().numpy())
        estimate, deviations = process.predict(x, return_std=True)
        return torch.from_numpy(estimate), _GPWidths(x, signal, noise, tuple(arms), deviations)


@dataclass(frozen=True)
class _GPWidths:
    """Standard deviations of the process without its noise, the kernel held fixed."""

    x: np.ndarray
    signal: Kernel
    noise: float
    played: tuple[int, ...]
    deviations: np.ndarray

    def values(self) -> Tensor:
        return torch.from_numpy(self.deviations)

    def after(self, arm: int) -> "_GPWidths":
        played = (*self.played, arm)
        # They do not depend on the rewards.
        process = _condition(self.signal, self.noise, self.x[list(played)], np.zeros(len(played)))
        return replace(self, played=played, deviations=process.predict(self.x, return_std=True)[1])


def _condition(signal: Kernel, noise: float, x: np.ndarray, y: np.ndarray) -> GaussianProcessRegressor:
    return GaussianProcessRegressor(signal, alpha=noise, optimizer=None).fit(x, y)


STRATEGIES: dict[str, Callable[..., Bandit]] = {
    "random": RandomArms,
    "epsilon-greedy": EpsilonGreedy,
    "LinUCB": LinUCB,
    "GP-UCB": GPUCB,
    "NeuralUCB diagonal": partial(NeuralUCB, width="diagonal"),
    "NeuralUCB full": NeuralUCB,
}
"""By the name in the tables; each is built with `(features, generator=..., num_initial=...)`."""
