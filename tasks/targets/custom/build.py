"""From the file of a custom target to the target."""

from collections.abc import Mapping
from pathlib import Path

from tasks.targets.custom.bias import bias_target
from tasks.targets.custom.copyright import copyright_target
from tasks.targets.custom.file import BiasFile, CopyrightFile, PromptLeakFile, ScoredFile, read_target_file
from tasks.targets.custom.kept import Kept
from tasks.targets.custom.prompt_leak import prompt_leak_target
from tasks.targets.custom.scored import scored_target
from tasks.targets.custom.target import CustomTarget
from tasks.targets.retain import read_retain
from tasks.targets.target import Split


def custom_target(
    path: Path, *, num_prompts: Mapping[Split, int], max_new_tokens: int, seed: int, device: str = "cpu"
) -> CustomTarget:
    """The target that a file describes.

    Args:
        path: Of the file.
        num_prompts: Held-out prompts by split, at most.
        max_new_tokens: Tokens of an answer that the model writes to be kept.
        seed: Draws held-out instructions, and the order of what is kept.
        device: Where a classifier computes.

    Raises:
        UserError: the file or one that it names cannot be used, the scorer cannot be opened, or there are too few
            prompts to measure by.
    """
    file = read_target_file(path)
    # Read here, judged when the retain set is built.
    pairs = read_retain(file.retain_file, is_shown=lambda pair: False) if file.retain_file else []
    kept = Kept(pairs, file.retain_prompts, max_new_tokens, num_prompts)
    match file:
        case ScoredFile():
            return scored_target(file, kept, num_prompts, seed, device)
        case CopyrightFile():
            return copyright_target(file, kept, num_prompts)
        case BiasFile():
            return bias_target(file, kept, num_prompts)
        case PromptLeakFile():
            return prompt_leak_target(file, kept, num_prompts, seed)
    raise AssertionError(file)
