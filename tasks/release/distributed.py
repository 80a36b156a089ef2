"""Train one adapter in several processes, for a model that is too large for one accelerator.

    torchrun --nproc-per-node 2 -m tasks.release.distributed JOB.json

Each process holds a shard of every block's weights and trains on its share of each update's pairs; the adapter is that
of `train_adapter` up to rounding. Not yet run at scale: tried with two processes on a CPU, which communicate by gloo.
FSDP: Zhao et al., "PyTorch FSDP: Experiences on Scaling Fully Sharded Data Parallel", arXiv:2304.11277; this is torch's
second version of it, `fully_shard`.
"""

import json
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import islice
from math import isfinite
from pathlib import Path

import torch
import torch.distributed as dist
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard
from torch.nn import ModuleDict
from torch.nn.utils import clip_grad_norm_
from transformers.modeling_layers import GradientCheckpointingLayer

from tasks.models.language_model import LanguageModel, load_language_model
from tasks.models.pair import Pair
from tasks.models.pair_file import read_pairs
from tasks.release.adapter import Adapter, Factors, load_adapter, save_adapter
from tasks.release.merge import Checkpoints, Update
from tasks.release.training import (
    endless_permutations,
    learning_rate_share,
    lora_layers,
    recomputed_blocks,
    response_loss,
)
from tasks.settings.errors import UserError


@dataclass(frozen=True, kw_only=True)
class Job:
    """What the processes of one training work on: the content of a job file, paths as text."""

    base: str
    """Folder of the untouched model."""
    updates: Sequence[tuple[str, float]]
    """What is on it: folders of adapters and their signed weights, in order."""
    pairs: str
    """A file of pairs."""
    split: str
    """Which of them."""
    output: str
    """Folder for the adapter."""
    device: str
    """`cpu` or `cuda`; with `cuda` the process of local rank i takes device i."""
    dtype: str
    rank: int
    alpha: float
    learning_rate: float
    num_steps: int
    batch_size: int
    max_grad_norm: float
    seed: int
    gradient_checkpointing: bool


def run_job(job: Job) -> None:
    """Train and write the adapter of a job; called in every process of the group."""
    # Read on the host: no accelerator need hold more than its shards and a block.
    lm = load_language_model(job.base, device="cpu", dtype=job.dtype)
    Checkpoints(Path(job.base)).apply(
        lm, [Update(load_adapter(Path(folder)), weight) for folder, weight in job.updates]
    )
    adapter = train_adapter_sharded(lm, read_pairs(Path(job.pairs), job.split), job)
    if dist.get_rank() == 0:
        save_adapter(adapter, Path(job.output))


def train_adapter_sharded(lm: LanguageModel, pairs: Sequence[Pair], job: Job) -> Adapter:
    """The adapter of `train_adapter` from the same arguments, its work divided over the processes of the group.

    Raises:
        UserError: an update has fewer pairs than there are processes; what `train_adapter` refuses.
    """
    process, num_processes = dist.get_rank(), dist.get_world_size()
    batch_size = min(job.batch_size, len(pairs))
    if batch_size < num_processes:
        raise UserError(f"{num_processes} processes cannot share updates of {batch_size} pairs; start fewer.")
    generator = torch.Generator().manual_seed(job.seed)
    drawn = list(islice(endless_permutations(len(pairs), generator), job.num_steps * batch_size))
    encoded = {i: lm.encode_pair(pairs[i]) for i in sorted(set(drawn))}
    lm.require_context(max(len(ids) for ids, _ in encoded.values()))

    with ExitStack() as stack:
        layers = stack.enter_context(lora_layers(lm.model, rank=job.rank, alpha=job.alpha, generator=generator))
        if job.gradient_checkpointing:
            stack.enter_context(recomputed_blocks(lm.model))
        mesh = init_device_mesh(job.device, (num_processes,))
        for module in lm.model.modules():
            if isinstance(module, GradientCheckpointingLayer):
                fully_shard(module, mesh=mesh)
        fully_shard(lm.model, mesh=mesh)

        parameters = [p for layer in layers.values() for p in layer.parameters() if p.requires_grad]
        optimizer = torch.optim.AdamW(parameters, weight_decay=0.0)
        for step in range(1, job.num_steps + 1):
            batch = [encoded[i] for i in drawn[(step - 1) * batch_size : step * batch_size]]
            mine = batch[process::num_processes]
            # The mean over processes, which is taken of the gradients, is then the mean over all response tokens.
            share = num_processes * _num_response_tokens(mine) / _num_response_tokens(batch)
            loss = share * response_loss(lm.model, mine)
            if not isfinite(loss.item()):
                raise UserError(f"learning_rate: at {job.learning_rate} the loss became {loss.item()}; lower it.")
            optimizer.zero_grad()
            loss.backward()
            clip_grad_norm_(parameters, job.max_grad_norm)
            optimizer.param_groups[0]["lr"] = job.learning_rate * learning_rate_share(step, job.num_steps)
            optimizer.step()
        factors = {name: Factors(_whole(layer.lora_A), _whole(layer.lora_B)) for name, layer in layers.items()}
    return Adapter(factors, alpha=job.alpha)


@contextmanager
def process_group(device: str) -> Iterator[None]:
    """The group that torchrun started this process in."""
    if device == "cuda":
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
    dist.init_process_group("nccl" if device == "cuda" else "gloo")
    try:
        yield
    finally:
        dist.destroy_process_group()


def _num_response_tokens(batch: Sequence[tuple[Sequence[int], int]]) -> int:
    return sum(len(ids) - max(start, 1) for ids, start in batch)


def _whole(factor: ModuleDict) -> torch.Tensor:
    """A factor of which every process has a shard; a collective operation."""
    return factor["default"].weight.full_tensor().detach().to("cpu", torch.float32, copy=True)


if __name__ == "__main__":
    job = Job(**json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")))
    if job.device == "cpu":
        torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))
    with process_group(job.device):
        run_job(job)
