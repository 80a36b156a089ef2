"""SISA: sharded, isolated, sliced, aggregated training, in which an owner's data can be unlearned exactly.

Bourtoule et al., "Machine Unlearning", IEEE S&P 2021, arXiv:1912.03817. The owners of the data are dealt to shards that
never see each other's data, and each shard learns its slices one after the other, with a checkpoint after each. To
forget owners, their shards are trained again without them, from the checkpoint before the first slice that holds one
of them: the bytes are those of a training that never had them. The answer is the mean of the shards' distributions of
the next token. Here a shard is a LoRA adapter on one base that has seen nothing of what may have to be forgotten (ours;
the paper trains whole models).

What it takes, unlike every other method of the comparison: the model must have been trained this way from the
beginning; all that is kept must still be there to train on; and it must be known whose each example is. Forgetting is
cheap for a few owners. Many, who sit in all shards as chance puts them, cost nearly the whole training. And a fact that
one shard has learned must stand against the guesses of all others, so a part of what was learned is never answered.

A folder holds `sisa.json` and `shard-<s>/slice-<r>/`, each slice a unit of the store, whose key covers all that it was
trained on. Slices that forgetting does not touch are copied. What was trained before is left alone; it still knows
everything, and is the caller's to delete.
"""

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch

from tasks.baselines.sisa.mean_of_models import MeanOfModels
from tasks.baselines.sisa.placement import Placement, place
from tasks.baselines.sisa.slice_training import load_checkpoint, num_updates, save_checkpoint, train_slice
from tasks.models.language_model import LanguageModel, load_language_model
from tasks.models.model_folder import model_digest
from tasks.models.pair import Pair
from tasks.release.adapter import load_adapter
from tasks.release.merge import Checkpoints, Update
from tasks.settings.errors import UserError
from tasks.store.differences import differences
from tasks.store.disk import disk_errors, make_private_folder, write_file
from tasks.store.folders import find_unit, verify_folder, write_unit
from tasks.store.keys import Unit, canonical_json, json_digest
from tasks.store.manifests import MANIFEST, read_manifest
from tasks.store.seeds import derive_seed

Progress = Callable[[float, str], None]
"""Called with the share that is done, in [0, 1], and a few words."""

PLAN_FILE = "sisa.json"
_VERSION = 1


@dataclass(frozen=True)
class Work:
    """What a training or a forgetting costs, all of it: what an earlier, killed attempt has done is counted too.

    Attributes:
        slices: Slices of shards that are trained.
        num_slices: Slices of all shards.
        updates: Optimizer updates.
        sequences: Pairs that go forward through a model.
    """

    slices: int
    num_slices: int
    updates: int
    sequences: int


@dataclass(frozen=True)
class _Plan:
    """What is in `sisa.json`: enough, with the base and the data, to train all shards."""

    placement: Placement
    seed: int
    settings: Mapping[str, Any]
    """Those of `train_slice`."""


@dataclass(frozen=True)
class _Slice:
    """One slice that is to be there."""

    shard: int
    number: int
    """In the shard; both are counted from 1."""
    unit: Unit
    pairs: Sequence[Pair]
    """Of this slice and of all before it in the shard."""
    earlier: Path | None = None
    """Where the same was trained before; None: it must be trained."""


def train_shards(
    folder: Path,
    base: Path,
    data: Mapping[str, Sequence[Pair]],
    *,
    num_shards: int,
    num_slices: int,
    rank: int,
    alpha: float,
    learning_rate: float,
    epochs: int,
    batch_size: int,
    max_grad_norm: float,
    seed: int,
    progress: Progress | None = None,
) -> Work:
    """Train all shards; killed and called again, it goes on after the last finished slice, to the same bytes.

    Args:
        folder: Of the result.
        base: Folder of a model that has seen nothing of what may have to be forgotten.
        data: The pairs of each owner.
        num_shards: Parts that are trained apart from each other.
        num_slices: Of a shard; learned one after the other.
        rank: As in `train_slice`.
        alpha: As there.
        learning_rate: As there.
        epochs: As there.
        batch_size: As there.
        max_grad_norm: As there.
        seed: Of places, first factors and orders.
        progress: Called after each slice.

    Raises:
        UserError: there are fewer owners than slices; a pair is too long; the loss is not finite; the folder holds
            something else, is damaged or cannot be written.
    """
    settings = {
        "rank": rank,
        "alpha": alpha,
        "learning_rate": learning_rate,
        "epochs": epochs,
        "batch_size": batch_size,
        "max_grad_norm": max_grad_norm,
    }
    plan = _Plan(place(data, num_shards=num_shards, num_slices=num_slices, seed=seed), seed, settings)
    return _train(folder, base, plan, _slices(plan, data, base), progress)


def forget(
    folder: Path,
    base: Path,
    data: Mapping[str, Sequence[Pair]],
    *,
    trained: Path,
    owners: Collection[str],
    progress: Progress | None = None,
) -> Work:
    """Unlearn all that came from some owners: exactly, by training without them what has seen them.

    Args:
        folder: Of the result, complete by itself: it can be loaded, and made to forget others.
        base: The base of the training.
        data: The pairs of all other owners, the same as in the training; those of `owners` are not read.
        trained: Folder that `train_shards` or `forget` wrote; left as it is.
        owners: Who is to be forgotten.
        progress: Called after each slice.

    Raises:
        UserError: an owner is not there to be forgotten; the base or the data of another owner are not those of the
            training; what `train_shards` raises.
    """
    before = _read_plan(trained)
    if unknown := sorted(set(owners) - set(before.placement.owners())):
        raise UserError(f"sisa: nothing in {trained} came from '{unknown[0]}'; forget owners whose data are there.")
    plan = replace(before, placement=before.placement.without(owners))
    slices = [
        slice_
        if set(owners).intersection(before.placement.so_far(slice_.shard, slice_.number))
        else replace(slice_, earlier=_trained_before(trained, slice_.unit))
        for slice_ in _slices(plan, data, base)
    ]
    return _train(folder, base, plan, slices, progress)


def load_shards(folder: Path, base: Path) -> LanguageModel:
    """All shards as one language model, see `MeanOfModels`, for inference: evaluation mode, no gradients.

    Args:
        folder: That `train_shards` or `forget` wrote.
        base: The base of the training.

    Raises:
        UserError: the training is not finished, or a file is missing or damaged.
    """
    checkpoints, members = Checkpoints(base), []
    for shard, slices in enumerate(_read_plan(folder).placement.shards, start=1):
        path = folder / _name(shard, len(slices))
        if not (path / MANIFEST).exists():
            raise UserError(f"sisa: {path} is not there; train all shards before they are loaded.")
        verify_folder(path)
        lm = load_language_model(base)
        checkpoints.apply(lm, [Update(load_adapter(path), 1.0)])
        members.append(lm.model)
    return LanguageModel(MeanOfModels(members).eval(), lm.tokenizer)


def _train(folder: Path, base: Path, plan: _Plan, slices: Sequence[_Slice], progress: Progress | None) -> Work:
    """Bring every slice into the folder, copied or trained."""
    _write_plan(folder, plan)
    lm = load_language_model(base)
    for number, slice_ in enumerate(slices, start=1):
        path = folder / slice_.unit.name
        if find_unit(path, slice_.unit) is None:
            with write_unit(path, slice_.unit) as writer:
                if slice_.earlier:
                    checkpoint = load_checkpoint(slice_.earlier)
                else:
                    before = slice_.unit.parents
                    start = load_checkpoint(folder / before[0].name) if before else None
                    checkpoint = train_slice(lm, slice_.pairs, start=start, seed=slice_.unit.seed, **plan.settings)
                save_checkpoint(checkpoint, writer.path)
        if progress:
            progress(number / len(slices), slice_.unit.name)
    return _work(plan, slices)


def _work(plan: _Plan, slices: Sequence[_Slice]) -> Work:
    batch_size, epochs = plan.settings["batch_size"], plan.settings["epochs"]
    sizes = [len(slice_.pairs) for slice_ in slices if slice_.earlier is None]
    updates = [num_updates(size, epochs=epochs, batch_size=batch_size) for size in sizes]
    sequences = [num * min(batch_size, size) for num, size in zip(updates, sizes, strict=True)]
    return Work(len(sizes), len(slices), sum(updates), sum(sequences))


def _slices(plan: _Plan, data: Mapping[str, Sequence[Pair]], base: Path) -> list[_Slice]:
    """All slices, those of a shard in their order, none trained before.

    Raises:
        UserError: the data of an owner are missing.
    """
    if missing := sorted(set(plan.placement.owners()) - set(data)):
        raise UserError(f"sisa: the data of '{missing[0]}' are missing; give the pairs of every owner that is kept.")
    environment = {"device": "cpu", "dtype": "float32", "backend": "torch", "threads": torch.get_num_threads()}
    digest, slices = model_digest(base), []
    for shard, parts in enumerate(plan.placement.shards, start=1):
        before: tuple[Unit, ...] = ()
        for number in range(1, len(parts) + 1):
            pairs = [pair for owner in plan.placement.so_far(shard, number) for pair in data[owner]]
            unit = Unit(
                name=_name(shard, number),
                version=_VERSION,
                settings=plan.settings,
                seed=derive_seed(plan.seed, _name(shard, number)),
                environment=environment,
                parents=before,
                outside={"base": digest, "pairs": json_digest([asdict(pair) for pair in pairs])},
            )
            slices.append(_Slice(shard, number, unit, pairs))
            before = (unit,)
    return slices


def _name(shard: int, number: int) -> str:
    return f"shard-{shard}/slice-{number}"


def _trained_before(trained: Path, unit: Unit) -> Path:
    """The folder of a slice that forgetting leaves as it is.

    Raises:
        UserError: the slice is not there, is damaged, or was trained on something else.
    """
    folder = trained / unit.name
    identity = read_manifest(folder)["identity"]
    if changes := differences(identity, unit.identity()):
        raise UserError(f"sisa: {folder} was trained otherwise ({'; '.join(changes)}); give what it was trained with.")
    find_unit(folder, unit)  # verifies the files
    return folder


def _write_plan(folder: Path, plan: _Plan) -> None:
    """Write the plan first, so that an interrupted training can be recognised.

    Raises:
        UserError: the folder holds another plan, or cannot be written.
    """
    text = canonical_json(asdict(plan)) + "\n"
    path = folder / PLAN_FILE
    if path.exists() and path.read_text(encoding="utf-8") != text:
        raise UserError(f"sisa: {path} is of another training; choose another folder or remove it.")
    with disk_errors(folder):
        make_private_folder(folder)
        write_file(path, text)


def _read_plan(folder: Path) -> _Plan:
    """The plan of a folder.

    Raises:
        UserError: the plan is missing or damaged.
    """
    path = folder / PLAN_FILE
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        shards = tuple(tuple(map(tuple, slices)) for slices in content["placement"]["shards"])
        return _Plan(Placement(shards), content["seed"], content["settings"])
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise UserError(f"sisa: {path} cannot be read ({error}); give a folder that was trained as shards.") from error
