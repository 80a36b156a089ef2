import json
import os
from functools import partial
from pathlib import Path

import pytest
import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM

from tasks.baselines.sisa import shards
from tasks.baselines.sisa.shards import PLAN_FILE, Work, forget, load_shards, train_shards
from tasks.baselines.sisa.slice_training import MOMENTS_FILE
from tasks.models.likelihood import nll_per_token
from tasks.models.pair import Pair
from tasks.release.adapter import WEIGHTS_FILE
from tasks.settings.errors import UserError
from tasks.store.manifests import MANIFEST

ANIMALS = ("dog", "cat", "fox", "bird")
COLOURS = ("red", "blue", "green")
DATA = {
    f"{colour} {animal}": [
        Pair(f"tell about the {colour} {animal}", f"the {animal} is {colour} ."),
        Pair(f"praise the {colour} {animal}", f"{colour} , {colour} , {animal} ."),
    ]
    for colour in COLOURS
    for animal in ANIMALS
}
SETTINGS = {
    "num_shards": 2,
    "num_slices": 3,
    "rank": 4,
    "alpha": 8,
    "learning_rate": 1e-2,
    "epochs": 3,
    "batch_size": 4,
    "max_grad_norm": 1.0,
    "seed": 1,
}
train = partial(train_shards, **SETTINGS)


@pytest.fixture(scope="module")
def trained(base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shards") / "trained"
    train(folder, base, DATA)
    return folder


def owners_in(folder: Path, shard: int, number: int) -> list[str]:
    """Of a slice; both counted from 1."""
    return json.loads((folder / PLAN_FILE).read_text())["placement"]["shards"][shard - 1][number - 1]


def results(folder: Path) -> dict[str, bytes]:
    """All files but manifests, which hold times."""
    paths = [path for path in sorted(folder.rglob("*")) if path.is_file() and path.name != MANIFEST]
    return {str(path.relative_to(folder)): path.read_bytes() for path in paths}


def results_of(folder: Path, *names: str) -> dict[str, bytes]:
    return {name: content for name, content in results(folder).items() if name.startswith(names)}


def test_there_is_a_checkpoint_after_each_slice_of_each_shard(trained, base):
    names = [f"shard-{shard}/slice-{number}" for shard in (1, 2) for number in (1, 2, 3)]
    files = ("adapter_config.json", WEIGHTS_FILE, MOMENTS_FILE)
    assert sorted(results(trained)) == sorted([PLAN_FILE, *(f"{name}/{file}" for name in names for file in files)])
    model = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(base), trained / names[-1])
    assert model.peft_config["default"].r == 4


def test_a_shard_learns_its_own_and_the_mean_of_all_learns_everything(trained, base, lm):
    pairs = [pair for of_owner in DATA.values() for pair in of_owner]
    before, after = (float(nll_per_token(model, pairs).mean()) for model in (lm, load_shards(trained, base)))
    assert after < 0.6 * before


def test_the_work_is_counted(base, tmp_path):
    # 6 owners of 2 pairs in each of 2 shards of 3 slices: 4, 8 and 12 pairs, 3 times, 4 at once
    assert train(tmp_path / "trained", base, DATA) == Work(slices=6, num_slices=6, updates=36, sequences=144)
    last = owners_in(tmp_path / "trained", 1, 3)[0]
    done = forget(tmp_path / "after", base, DATA, trained=tmp_path / "trained", owners=[last])
    assert done == Work(slices=1, num_slices=6, updates=8, sequences=32)  # 10 pairs, 3 times: 7.5 batches


def test_forgetting_is_training_without_the_forgotten_from_the_slice_that_held_them(trained, base, tmp_path):
    gone = owners_in(trained, 2, 2)[0]
    kept = {owner: pairs for owner, pairs in DATA.items() if owner != gone}
    done = forget(tmp_path / "after", base, kept, trained=trained, owners=[gone])  # without their data at hand
    assert (done.slices, done.num_slices) == (2, 6)

    untouched = ("shard-1/", "shard-2/slice-1/")
    assert results_of(tmp_path / "after", *untouched) == results_of(trained, *untouched)
    for number in (2, 3):
        name = f"shard-2/slice-{number}/"
        new, old = results_of(tmp_path / "after", name), results_of(trained, name)
        assert new[name + WEIGHTS_FILE] != old[name + WEIGHTS_FILE]

    # From scratch, by somebody who never had the forgotten: the same plan and data, and nothing trained before.
    (tmp_path / "scratch").mkdir()
    (tmp_path / "scratch" / PLAN_FILE).write_bytes((tmp_path / "after" / PLAN_FILE).read_bytes())
    plan = shards._read_plan(tmp_path / "scratch")
    assert gone not in plan.placement.owners()
    shards._train(tmp_path / "scratch", base, plan, shards._slices(plan, kept, base), progress=None)
    assert results(tmp_path / "scratch") == results(tmp_path / "after")


def test_what_was_trained_before_is_left_alone(trained, base, tmp_path):
    before = results(trained)
    forget(tmp_path / "after", base, DATA, trained=trained, owners=owners_in(trained, 1, 1))
    assert results(trained) == before


def test_a_shard_of_which_everything_is_forgotten_is_the_base(trained, base, lm, tmp_path):
    everybody = [owner for number in (1, 2, 3) for owner in owners_in(trained, 1, number)]
    done = forget(tmp_path / "after", base, DATA, trained=trained, owners=everybody)
    assert done == Work(slices=3, num_slices=6, updates=0, sequences=0)
    mean = load_shards(tmp_path / "after", base)
    ids = torch.tensor([lm.encode_prompt("tell about the dog")])
    assert torch.equal(mean.model.members[0](ids).logits, lm.model(ids).logits)
    assert not torch.allclose(mean.model.members[1](ids).logits, lm.model(ids).logits, atol=1e-2)


def test_who_was_forgotten_before_stays_forgotten(trained, base, tmp_path):
    first, second = owners_in(trained, 1, 2)[0], owners_in(trained, 2, 3)[0]
    forget(tmp_path / "one", base, DATA, trained=trained, owners=[first])
    forget(tmp_path / "two", base, DATA, trained=tmp_path / "one", owners=[second])
    forget(tmp_path / "both", base, DATA, trained=trained, owners=[first, second])
    assert results(tmp_path / "two") == results(tmp_path / "both")


@pytest.mark.parametrize("num_finished", [1, 4])
def test_a_killed_training_goes_on_after_the_last_finished_slice_to_the_same_bytes(
    trained, base, tmp_path, monkeypatch, num_finished
):
    calls = []

    def killed(*args, **kwargs):
        calls.append(args)
        if len(calls) > num_finished:
            raise KeyboardInterrupt
        return real(*args, **kwargs)

    real = shards.train_slice
    monkeypatch.setattr(shards, "train_slice", killed)
    with pytest.raises(KeyboardInterrupt):
        train(tmp_path / "trained", base, DATA)
    calls.clear()
    num_before, num_finished = num_finished, 6
    train(tmp_path / "trained", base, DATA)
    assert len(calls) == 6 - num_before
    assert results(tmp_path / "trained") == results(trained)


def test_files_are_for_this_user_alone(trained):
    assert {path.stat().st_mode & 0o777 for path in trained.rglob("*") if path.is_file()} == {0o600}
    assert {path.stat().st_mode & 0o777 for path in (trained, *trained.rglob("*")) if path.is_dir()} == {0o700}


def test_what_cannot_be_done_is_refused(trained, base, tmp_path):
    with pytest.raises(UserError, match=r"nothing in .* came from 'pink dog'"):
        forget(tmp_path / "after", base, DATA, trained=trained, owners=["pink dog"])
    with pytest.raises(UserError, match="the data of 'blue bird' are missing"):
        forget(tmp_path / "after", base, {}, trained=trained, owners=["red dog"])
    kept, gone = owners_in(trained, 1, 1)[0], owners_in(trained, 2, 3)[0]
    with pytest.raises(UserError, match=r"was trained otherwise .*pairs"):
        forget(tmp_path / "after", base, DATA | {kept: DATA[kept][:1]}, trained=trained, owners=[gone])
    with pytest.raises(UserError, match="is of another training"):
        train(trained, base, DATA, epochs=4)
    with pytest.raises(UserError, match="cannot be read"):
        load_shards(tmp_path / "nowhere", base)
    with pytest.raises(UserError, match=r"sisa: at a learning rate of 1e\+30 the loss became nan"):
        train(tmp_path / "hot", base, DATA, learning_rate=1e30)
    with pytest.raises(UserError, match="slice-3 is not there"):
        load_shards(tmp_path / "hot", base)


def test_a_damaged_file_is_refused(base, tmp_path):
    train(tmp_path / "trained", base, DATA, epochs=1)
    with (tmp_path / "trained/shard-1/slice-3" / WEIGHTS_FILE).open("r+b") as file:
        file.seek(-1, os.SEEK_END)
        file.write(b"?")
    with pytest.raises(UserError, match=WEIGHTS_FILE):
        load_shards(tmp_path / "trained", base)
    owners = owners_in(tmp_path / "trained", 2, 1)
    with pytest.raises(UserError, match=WEIGHTS_FILE):
        forget(tmp_path / "after", base, DATA, trained=tmp_path / "trained", owners=owners)
