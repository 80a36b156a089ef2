"""What a run needs in memory and in time, from its settings and the model's config.json alone, for `--plan`.

Predictions: memory by the formulas of `tasks.release.memory`, time from tokens, at most so many, and from data sheets.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from flows.run_settings import RunSettings
from tasks.models.model_folder import find_config
from tasks.models.shape import Shape, UnknownShapeError, read_shape
from tasks.models.vllm_installed import is_vllm_installed
from tasks.release.memory import adapters_bytes, likelihood_bytes, merge_bytes, training_bytes, writing_bytes

GIB = 2**30
PROMPT = 128
"""Assumed: tokens of a prompt or an instruction, chat template included."""
RETAINED = 512
"""Assumed: tokens of the longest responses of a retain file; `tasks.targets.retain` leaves out longer rows."""
ANSWERS = 4
"""Assumed: answers to a prompt in a measurement, of them 2 again for each rounding of the weights."""
CANDIDATES = 29
"""Merge weights that a step reads the probe with, at most: two grids of 8 and 9, each refined three times by two."""
USABLE = 0.92
"""Share of a GPU's memory; the rest is CUDA's own, and fragments."""
ARITHMETIC = 0.35
"""Assumed: share of the data sheet's operations a second that reading and training reach."""
BANDWIDTH = {"vllm": 0.5, "openai": 0.5, "transformers": 0.2}
"""Assumed: share of the data sheet's bandwidth at which the weights are read for each token that is written.

A server is counted as vLLM on a device of the same kind.
"""


@dataclass(frozen=True)
class Device:
    """What a model may run on, by its data sheet."""

    name: str
    gigabytes: float
    """Of memory, in 1e9 bytes; 0 for a CPU, whose memory is not known."""
    flops: float
    """Operations a second, dense, in bfloat16 (a CPU: float32)."""
    bandwidth: float
    """Bytes a second."""

    @property
    def described(self) -> str:
        """In words, with the numbers that are counted with."""
        flops, bandwidth = f"{self.flops / 1e12:g} TFLOP/s", f"{self.bandwidth / 1e9:g} GB/s"
        where = "by its data sheet" if self.gigabytes else "a core, of the order of a server's"
        return f"{self.name} ({flops} and {bandwidth} {where})"

    @property
    def usable(self) -> float:
        """Bytes of memory that a model may fill."""
        return USABLE * 1e9 * self.gigabytes


GPUS = (Device("A10, 24 GB", 24, 125e12, 600e9), Device("A100, 80 GB", 80, 312e12, 2039e9))
CPU_CORE = Device("a CPU", 0, 100e9, 10e9)


@dataclass(frozen=True)
class Tokens:
    """Of one part of a run, at most."""

    written: int
    read: int
    trained: int


def estimate(settings: RunSettings) -> list[str]:
    """What `--plan` prints of memory and time, of a model that is not the lab's.

    Raises:
        UserError: the model has no config.json that can be read, or is not on this machine and cannot be fetched.
    """
    try:
        shape = read_shape(find_config(settings.model.path), dtype=settings.model.dtype)
    except UnknownShapeError as error:
        return [f"Memory and time are not predicted: {error}."]
    return [
        "Predicted from config.json and the settings alone; nothing here was measured, on this model or this machine.",
        *_sizes(settings, shape),
        "",
        *_memory(settings, shape),
        "",
        *_time(settings, shape),
    ]


def device_bytes(settings: RunSettings, shape: Shape) -> dict[str, int]:
    """Peak of each part of the work on the device, the model included, by what it is and the sequences in a pass.

    Without what vLLM takes beside the model.
    """
    model, reveal, release, measure = settings.model, settings.reveal, settings.release, settings.measure
    longest = max(reveal.max_new_tokens, measure.max_new_tokens, RETAINED if settings.target.retain_file else 0)
    length = PROMPT + longest
    batch = max(release.forget_batch, release.retain_batch)
    at_once = min(batch, max(1, release.tokens_at_once // length)) if release.tokens_at_once else batch
    training = training_bytes(
        shape,
        sequences=at_once,
        length=length,
        response=longest,
        rank=release.rank,
        gradient_checkpointing=release.gradient_checkpointing,
    )
    # In 4 bits one layer at a time is decoded, forwards and backwards.
    decoded = shape.model_in_4bit + shape.element * shape.hidden * shape.mlp
    trained_on = decoded if release.train_in == "4bit" else shape.model
    new = max(reveal.max_new_tokens, measure.max_new_tokens)
    rows = {"sequences": model.batch_size, "prompt": PROMPT, "new": new}
    read = {"sequences": model.batch_size, "length": length, "response": longest}
    merge = merge_bytes(shape, rank=release.rank, steps=release.steps, is_cuda=_is_cuda(settings))
    return {
        f"writing, {model.batch_size} at once": shape.model + writing_bytes(shape, **rows),
        f"reading, {model.batch_size} at once": shape.model + likelihood_bytes(shape, **read),
        f"training, {at_once} at once": trained_on + training,
        f"merging, step {release.steps}": shape.model + merge,
    }


def tokens(settings: RunSettings) -> dict[str, Tokens]:
    """What a run writes, reads and trains on, at most: every answer as long as it may be, and every step taken."""
    reveal, release, measure = settings.reveal, settings.release, settings.measure
    queries = reveal.initial_queries + reveal.queries + reveal.keep * reveal.rounds
    rewrites = (reveal.rounds - 1) * reveal.rewrites * PROMPT
    retain = 0 if settings.target.retain_file else 4 * release.retain_size * measure.max_new_tokens
    retain += release.retain_written * reveal.max_new_tokens
    revealing = Tokens(
        written=(queries * reveal.samples_per_query + reveal.max_responses) * reveal.max_new_tokens + rewrites + retain,
        read=reveal.rounds * reveal.pool_size * PROMPT,
        trained=0,
    )
    length = PROMPT + reveal.max_new_tokens
    pairs = release.forget_updates * release.forget_batch + release.retain_updates * release.retain_batch
    chosen = 0 if release.weights == "fixed" else CANDIDATES * release.probe_pairs
    releasing = Tokens(
        written=0,
        read=release.steps * (reveal.forget_set_size + chosen) * length,
        trained=release.steps * pairs * length,
    )
    prompts = (release.steps + 1) * measure.tune_prompts + 2 * measure.report_prompts
    answers = prompts * (ANSWERS + 2 * len(measure.quantised))
    measuring = Tokens(
        written=answers * measure.max_new_tokens,
        read=prompts * 2 * (PROMPT + measure.max_new_tokens) + answers * PROMPT,
        trained=0,
    )
    return {"reveal": revealing, "release": releasing, "measure": measuring}


def hours(settings: RunSettings, shape: Shape, device: Device) -> float:
    """Of the whole run, roughly, by the assumptions at the top of this file."""
    threads = 1 if device.gigabytes else settings.model.threads
    flops = device.flops * threads * ARITHMETIC
    trained = 6 if settings.release.gradient_checkpointing else 4  # Frozen weights get no gradients of their own.
    seconds = 0.0
    for part, work in tokens(settings).items():
        backend = _backend(settings) if part == "reveal" else "transformers"
        weights = shape.model / (device.bandwidth * BANDWIDTH[backend] * settings.model.batch_size)
        seconds += work.written * max(weights, 2 * shape.parameters / flops)
        seconds += (2 * work.read + trained * work.trained) * shape.parameters / flops
    return seconds / 3600


def _sizes(settings: RunSettings, shape: Shape) -> Iterator[str]:
    release = settings.release
    numbers = shape.adapter(release.rank)
    yield f"  parameters  {shape.parameters:,}"
    yield f"  weights     {_gib(shape.model)} GiB in {settings.model.dtype}"
    if release.train_in == "4bit":
        yield f"              {_gib(shape.model_in_4bit)} GiB in 4 bits, while adapters are trained"
    states = f"{_gib(16 * numbers)} GiB with gradients and AdamW's moments"
    yield f"  adapter     {numbers:,} numbers at rank {release.rank}; {states}"
    yield f"  cache       {2 * shape.element * shape.kv * shape.layers / 1024:.0f} KiB a token of each sequence written"


def _memory(settings: RunSettings, shape: Shape) -> Iterator[str]:
    needs = device_bytes(settings, shape)
    gpus = GPUS if _is_cuda(settings) else ()
    yield f"  {'on the device':<36}{'GiB':>7}" + "".join(f"{f'{gpu.gigabytes} GB':>8}" for gpu in gpus)
    for what, need in {**needs, "peak": max(needs.values())}.items():
        fits = ["fits" if need <= gpu.usable else "no" for gpu in gpus]
        yield f"  {what:<36}{_gib(need):>7}" + "".join(f"{word:>8}" for word in fits)
    if gpus and _backend(settings) == "vllm":
        yield f"  vLLM takes {settings.model.vllm_memory:.2f} of the device beside the weights while it writes:"
        yield from (f"    {gpu.gigabytes} GB: {_vllm_words(settings, shape, gpu)}" for gpu in gpus)
    factors = adapters_bytes(shape, rank=settings.release.rank, steps=settings.release.steps)
    is_kept = settings.measure.quantised or settings.release.train_in == "4bit"
    kept = shape.element * shape.linear_parameters if is_kept else 0
    yield f"  on the host {_gib(factors + kept)} GiB: the factors of all steps" + (
        ", and the linear layers while they are rounded or in 4 bits on the device" if kept else ""
    )
    yield f"  on the disk {_gib(factors + shape.model)} GiB: the adapters of all steps, and the unlearned model"


def _vllm_words(settings: RunSettings, shape: Shape, gpu: Device) -> str:
    cache, length = _vllm_cache(settings, shape, gpu), _vllm_length(settings)
    if cache < length:
        return "its share does not hold the weights and one sequence; raise model.vllm_memory, or use transformers"
    words = f"its cache holds {cache:,} tokens, {cache // length:,} sequences of {length}"
    is_beside = _is_beside_vllm(settings, shape, gpu)
    return words if is_beside else f"{words}, but the weights do not fit beside it; lower model.vllm_memory"


def _vllm_length(settings: RunSettings) -> int:
    """Tokens of the longest sequence that it writes."""
    return PROMPT + settings.reveal.max_new_tokens


def _vllm_cache(settings: RunSettings, shape: Shape, gpu: Device) -> int:
    """Tokens that its share of the device holds beside its own weights; below 0 where it holds not even these."""
    share = settings.model.vllm_memory * 1e9 * gpu.gigabytes
    return int((share - shape.model) / (2 * shape.element * shape.kv * shape.layers))


def _is_beside_vllm(settings: RunSettings, shape: Shape, gpu: Device) -> bool:
    """Whether the device holds the weights of this process beside its share."""
    return settings.model.vllm_memory * 1e9 * gpu.gigabytes + shape.model <= gpu.usable


def _fits(settings: RunSettings, shape: Shape, gpu: Device) -> bool:
    has_room = _backend(settings) != "vllm" or (
        _vllm_cache(settings, shape, gpu) >= _vllm_length(settings) and _is_beside_vllm(settings, shape, gpu)
    )
    return has_room and max(device_bytes(settings, shape).values()) <= gpu.usable


def _time(settings: RunSettings, shape: Shape) -> Iterator[str]:
    yield f"  {'tokens, at most':<16}{'written':>14}{'read':>14}{'trained':>14}"
    for part, work in tokens(settings).items():
        yield f"  {part:<16}{work.written:>14,}{work.read:>14,}{work.trained:>14,}"
    devices = [gpu for gpu in GPUS if _fits(settings, shape, gpu)] if _is_cuda(settings) else [CPU_CORE]
    for device in devices:
        yield f"  hours, roughly, at most: {hours(settings, shape, device):.1f} on {device.described}"
    yield (
        f"  Assumed, not measured: {PROMPT} tokens a prompt; {ARITHMETIC:.0%} of that arithmetic when reading and "
        f"training; {BANDWIDTH['transformers']:.0%} of that bandwidth when"
    )
    yield f"  writing, {BANDWIDTH['vllm']:.0%} with vLLM. Not counted: loading, and what the target itself computes."


def _is_cuda(settings: RunSettings) -> bool:
    if settings.model.device != "auto":
        return settings.model.device == "cuda"
    from tasks.models.device import resolve_device

    return resolve_device("auto") == "cuda"


def _backend(settings: RunSettings) -> str:
    """What writes in the reveal."""
    asked = settings.model.backend
    if asked == "auto":
        return "vllm" if is_vllm_installed() and _is_cuda(settings) else "transformers"
    return asked


def _gib(number: float) -> str:
    return f"{number / GIB:.1f}"
