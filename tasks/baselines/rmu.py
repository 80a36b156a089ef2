"""RMU: the hidden states of forget responses are steered to a random direction, those of retain responses held.

Li et al., "The WMDP Benchmark: Measuring and Reducing Malicious Use With Unlearning", arXiv:2403.03218.
"""

import re
from collections.abc import Mapping
from copy import deepcopy

import torch
from torch import Tensor, nn
from torch.nn.functional import mse_loss
from torch.nn.utils.rnn import pad_sequence
from transformers import PreTrainedModel

from tasks.baselines.descent import UPDATES, Batch, Encoded, Material, Objective, by_descent
from tasks.baselines.method import Knob, Method
from tasks.models.layers import linear_layers

DEPTH = 0.5
"""Where the hidden states are read, as a share of the blocks (the paper: block 7 of 32; a model of four needs more)."""
TRAINED_BLOCKS = 3
"""As in the paper: the last so many blocks up to there."""


def objective(material: Material, knobs: Mapping[str, float]) -> Objective:
    """`|h(F) - c u|^2 + alpha |h(R) - h_ref(R)|^2`, means over tokens and dimensions.

    u is a random unit vector, the same for every run. c is `steering` times the mean norm of the untouched hidden
    states of forget responses (ours: the paper's values are of single models). Trained are the weights that write into
    the residual stream behind the feed-forward layers of the last blocks, as in the paper; where layers have other
    names, all linear ones of these blocks.
    """
    model, alpha = material.lm.model, knobs["retain_weight"]
    block = max(1, round(DEPTH * model.config.num_hidden_layers))
    reference = deepcopy(model)
    with torch.no_grad():
        states = [hidden(model, [pair], block) for pair in material.forget[: material.batch_size]]
    size = torch.cat(states).norm(dim=1).mean()
    direction = torch.rand(states[0].shape[1], generator=torch.Generator().manual_seed(0)).to(states[0])
    goal = knobs["steering"] * size * direction / direction.norm()

    def loss(forget: Batch, retain: Batch) -> Tensor:
        with torch.no_grad():
            held = hidden(reference, retain.pairs, block)
        steered = hidden(model, forget.pairs, block)
        return steering_loss(steered, goal) + alpha * mse_loss(hidden(model, retain.pairs, block), held)

    layers = trained_layers(model, block)
    return Objective(loss, retain_passes=2, read_before=len(states), layers=layers)


def steering_loss(hidden_states: Tensor, goal: Tensor) -> Tensor:
    """Mean squared distance to the goal; `(tokens, d)` and `(d,)`."""
    return mse_loss(hidden_states, goal.expand_as(hidden_states))


def hidden(model: PreTrainedModel, pairs: list[Encoded], block: int) -> Tensor:
    """What leaves a block, from 1, where response tokens are predicted; `(tokens, d)`, float32."""
    ids = pad_sequence([torch.tensor(ids) for ids, _ in pairs], batch_first=True).to(model.device)
    states = model(input_ids=ids, output_hidden_states=True, use_cache=False, logits_to_keep=1).hidden_states[block]
    ends = torch.tensor([len(ids) for ids, _ in pairs], device=model.device)[:, None] - 1
    starts = torch.tensor([max(start, 1) for _, start in pairs], device=model.device)[:, None] - 1
    positions = torch.arange(ids.shape[1], device=model.device)
    return states[(starts <= positions) & (positions < ends)].float()


def trained_layers(model: PreTrainedModel, block: int) -> dict[str, nn.Linear]:
    """The layers that are changed: `down_proj` of the last blocks up to `block`, from 1."""
    blocks = range(block - TRAINED_BLOCKS, block)
    # The first number of a name is its block; later ones may be those of experts.
    numbers = {name: re.search(r"\d+", name) for name in linear_layers(model)}
    inside = {name: one for name, one in linear_layers(model).items() if (n := numbers[name]) and int(n[0]) in blocks}
    return {name: layer for name, layer in inside.items() if name.endswith("down_proj")} or inside


# Paper: learning rate 5e-5, steering 6.5 as a length, retain weight 1200, for Zephyr-7B; here: higher rates, a relative
# length and smaller weights; because on the lab model 1000 keeps half of what is to be forgotten.
RMU = Method(
    "rmu",
    "RMU",
    "arXiv:2403.03218",
    (
        Knob("learning_rate", 5e-4, 1e-2),
        UPDATES,
        Knob("steering", 2, 32),
        Knob("retain_weight", 3, 300),
    ),
    by_descent(objective),
)
