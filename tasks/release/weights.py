"""The merge weights of one step, chosen on the loaded model: what `candidates`, `probe` and `choice` are for.

In `residual` order a is chosen first, by what the forget update does alone; the retain adapter is trained on that
model; then b is chosen. In `parallel` order both adapters are there, and a and b are chosen together.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch

from tasks.models.language_model import LanguageModel
from tasks.models.likelihood import nll_per_token
from tasks.models.pair import Pair
from tasks.models.quantisation import SCHEMES, quantised
from tasks.release.adapter import Adapter
from tasks.release.candidates import Weights, low_rank_nll, merge_updates
from tasks.release.choice import Search, search_line, worst_case
from tasks.release.merge import Checkpoints, Update
from tasks.release.model_search import search_model
from tasks.release.probe import NllOf, Outcome, Probe, make_probe, outcome_of

FORGET_PLACES = (0.125, 0.25, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0)
RETAIN_PLACES = (0.0, 0.1, 0.2, 0.3, 0.5, 0.75, 1.0, 1.25, 1.5)
"""Grids of a and b, in units of the settings; b is fine near 0, where a retain update begins to undo the forgetting."""
FINALISTS = 3
PRECISIONS = ("int8_row", "int4_g64")


@dataclass(frozen=True)
class WeightChooser:
    """Chooses merge weights for a step from theta_{k-1}.

    Attributes:
        lm: At theta_{k-1}, and left there.
        checkpoints: Of theta_0.
        updates: From theta_0 to theta_{k-1}.
        probe: What candidates are judged by.
        strategy: `line`: grids by successive halving, refined around the best. `model`: Gaussian processes.
        objective: `worst`: the few best are also judged at int8 and int4.
        forget_unit: Unit of a's grid.
        retain_unit: Unit of b's grid.
        max_damage: See `Outcome.damage`; of the step.
        max_unrepaired: The same of the forget update alone.
        batch_size: Rows at once.
    """

    lm: LanguageModel
    checkpoints: Checkpoints
    updates: Sequence[Update]
    probe: Probe
    strategy: Literal["line", "model"]
    objective: Literal["full", "worst"]
    forget_unit: float
    retain_unit: float
    max_damage: float
    max_unrepaired: float
    batch_size: int

    def forget_weight(self, forget: Adapter) -> tuple[float, dict[str, Any]]:
        """A for `residual` order, and what was read, as JSON values."""
        search = Search(self.probe, self._nll_of(forget, None), self.max_unrepaired)
        if self.strategy == "line":
            best = search_line(search, lambda place: Weights(place * self.forget_unit, 0.0), FORGET_PLACES)
        else:
            best = search_model(search, self._fine(FORGET_PLACES, self.forget_unit), [0.0])
        return best.forget, search.record()

    def retain_weight(self, forget: Adapter, retain: Adapter, a: float) -> tuple[Weights, dict[str, Any]]:
        """The weights with b for a given a, and what was read."""
        search = Search(self.probe, self._nll_of(forget, retain), self.max_damage)
        if self.strategy == "line":
            search_line(search, lambda place: Weights(a, place * self.retain_unit), RETAIN_PLACES)
        else:
            search_model(search, [a], self._fine(RETAIN_PLACES, self.retain_unit))
        return self._settled(search, forget, retain)

    def both_weights(self, forget: Adapter, retain: Adapter) -> tuple[Weights, dict[str, Any]]:
        """The weights for `parallel` order, and what was read: a with b at its unit, then b; or both by the model."""
        search = Search(self.probe, self._nll_of(forget, retain), self.max_damage)
        if self.strategy == "line":
            line = search_line(search, lambda place: Weights(place * self.forget_unit, self.retain_unit), FORGET_PLACES)
            search_line(search, lambda place: Weights(line.forget, place * self.retain_unit), RETAIN_PLACES)
        else:
            places = self._fine(FORGET_PLACES, self.forget_unit), self._fine(RETAIN_PLACES, self.retain_unit)
            search_model(search, *places, evaluations=16)
        return self._settled(search, forget, retain)

    def _nll_of(self, forget: Adapter, retain: Adapter | None) -> NllOf:
        return lambda candidates, pairs: low_rank_nll(
            self.lm, candidates, forget, retain, pairs, batch_size=self.batch_size
        )

    def _fine(self, places: Sequence[float], unit: float) -> list[float]:
        return [float(place) for place in torch.linspace(places[0] * unit, places[-1] * unit, 33)]

    def _settled(self, search: Search, forget: Adapter, retain: Adapter) -> tuple[Weights, dict[str, Any]]:
        if self.objective == "full":
            return search.best()[0], search.record()
        untouched = self._untouched_at()
        at: dict[Weights, dict[str, Outcome]] = {}

        def outcomes_of(weights: Weights) -> list[Outcome]:
            self.checkpoints.apply(self.lm, [*self.updates, *merge_updates(weights, forget, retain)])
            at[weights] = {}
            for name in PRECISIONS:
                with quantised(self.lm.model, SCHEMES[name]):
                    at[weights][name] = outcome_of(self.probe, self._plain_nll, untouched=untouched[name])
            return list(at[weights].values())

        best = worst_case(search, FINALISTS, outcomes_of)
        self.checkpoints.apply(self.lm, self.updates)
        finals = [
            {**weights._asdict(), **{name: outcome._asdict() for name, outcome in outcomes.items()}}
            for weights, outcomes in at.items()
        ]
        return best, search.record() | {"finalists": finals}

    def _untouched_at(self) -> dict[str, Mapping[str, torch.Tensor]]:
        """NLL a token of the kept pairs under the untouched model at each precision, by group."""
        self.checkpoints.apply(self.lm, [])
        found = {}
        for name in PRECISIONS:
            with quantised(self.lm.model, SCHEMES[name]):
                found[name] = {group: self._plain_nll(pairs) for group, pairs in self.probe.kept.items()}
        return found

    def _plain_nll(self, pairs: Sequence[Pair]) -> torch.Tensor:
        return nll_per_token(self.lm, pairs, batch_size=self.batch_size)


def probe_of(
    lm: LanguageModel,
    checkpoints: Checkpoints,
    updates: Sequence[Update],
    *,
    forget: Sequence[Pair],
    kept: Mapping[str, Sequence[Pair]],
    primary: str,
    tau: float,
    size: int,
    batch_size: int,
) -> Probe:
    """The probe of a run, the same in every step; the model goes to theta_0 for it and back to the updates."""
    checkpoints.apply(lm, [])
    probe = make_probe(
        forget,
        kept,
        primary=primary,
        untouched_nll=lambda pairs: nll_per_token(lm, pairs, batch_size=batch_size),
        tau=tau,
        size=size,
    )
    checkpoints.apply(lm, updates)
    return probe
