"""Files of weights are what they claim to be: told by their headers and the index; the weights are not read."""

import json
from pathlib import Path

from tasks.models.model_folder import INDEX, weight_files
from tasks.settings.errors import UserError


def require_sound_weights(folder: Path, path: str | Path) -> None:
    """Each file of weights is whole, and the index, where there is one, speaks of these files and of what they hold.

    Args:
        folder: Of the model; see `find_model_folder`.
        path: What the user calls the model.

    Raises:
        UserError: a file is cut short or is none of safetensors; the index is none, names a file that is not there or
            lies elsewhere, a weight that its file does not hold, or many more bytes than there are.
    """
    files = weight_files(folder)
    names_in = {file.name: _names_in(file, path) for file in files}
    if not (folder / INDEX).is_file():
        return
    try:
        index = json.loads((folder / INDEX).read_text(encoding="utf-8"))
        placed = {str(name): str(file) for name, file in index["weight_map"].items()}
        claimed = float(index.get("metadata", {}).get("total_size", 0))
    except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise UserError(
            f"model.path is '{path}', whose {INDEX} is no index of weights; save the model again."
        ) from error

    for name, file in placed.items():
        if file not in names_in:
            raise UserError(
                f"model.path is '{path}', whose {INDEX} names '{file:.200}', which is no file of weights in it; save "
                "the model again."
            )
        if name not in names_in[file]:
            raise UserError(
                f"model.path is '{path}', whose {INDEX} has '{name:.200}' in {file}, which does not hold it; save the "
                "model again."
            )
    there = sum(file.stat().st_size for file in files)
    if claimed > 2 * there:  # Twice is what some tools wrote when they halved the bytes of a weight.
        raise UserError(
            f"model.path is '{path}', whose {INDEX} claims {claimed:.3g} bytes of weights, and there are {there:.3g}; "
            "save the model again."
        )


def _names_in(file: Path, path: str | Path) -> set[str]:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(file, framework="np") as weights:
            return set(weights.keys())
    except (OSError, SafetensorError) as error:
        reason = " ".join(str(error).split()).rstrip(".")
        raise UserError(
            f"model.path is '{path}', whose {file.name} cannot be read ({reason}); save the model again."
        ) from error
