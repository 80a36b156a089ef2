"""`python -m flows.reveal_release --check-target FILE`: is this file a target, and what does a model show of it?"""

from pathlib import Path

from flows.run_settings import RunSettings
from tasks.settings.errors import UserError
from tasks.settings.model import LAB
from tasks.settings.target import TargetSettings
from tasks.store.seeds import derive_seed


def check_target(settings: RunSettings, file: str) -> int:
    """Read a target's file, have the model answer a few of its prompts, judge and print what it says, masked.

    Nothing is stored, and no run is begun. The model runs in this process, whatever `model.backend` is.

    Returns:
        The exit code 0.

    Raises:
        UserError: the file, its scorer or the model cannot be used.
    """
    from rich.console import Console

    from tasks.models.device import resolve_device
    from tasks.models.language_model import load_language_model
    from tasks.models.template_trial import try_chat_template
    from tasks.report.first_look import print_first_look
    from tasks.targets.checking import look_at
    from tasks.targets.checkpoint import Checkpoint
    from tasks.targets.custom.file import read_target_file
    from tasks.targets.registry import build_target

    described, model, measure = read_target_file(Path(file)), settings.model, settings.measure
    if model.path == LAB:
        raise UserError(
            "model.path is lab; give the folder or hub id of a model of yours, to answer the target's prompts."
        )
    device = resolve_device(model.device)
    target = build_target(
        TargetSettings(kind="custom", custom_file=file),
        num_prompts=measure.num_prompts,
        max_new_tokens=measure.max_new_tokens,
        seed=settings.seed,
        device=device,
    )
    lm = load_language_model(model.path, device=device, dtype=model.dtype)
    try_chat_template(lm.tokenizer, model.path)
    checkpoint = Checkpoint(
        lm,
        batch_size=model.batch_size,
        max_new_tokens=measure.max_new_tokens,
        seed=derive_seed(settings.seed, "check-target"),
    )
    look = look_at(target, checkpoint, max_new_tokens=settings.reveal.max_new_tokens)
    print_first_look(described, target, look, Console())
    return 0
