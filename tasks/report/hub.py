"""A released model or adapter on a model hub: asked for explicitly, private unless that is said as well."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tasks.models.model_folder import model_files
from tasks.release.adapter import CONFIG_FILE, WEIGHTS_FILE
from tasks.settings.errors import UserError

REPOSITORY = re.compile(r"[A-Za-z0-9][\w.-]{0,95}/[A-Za-z0-9][\w.-]{0,95}")
_CARD = "README.md"
_REPLACED = re.compile(
    r"(adapter_model|model[^/]*)\.safetensors|model\.safetensors\.index\.json|adapter_config\.json"
    r"|additional_chat_templates/[^/]*\.jinja"
)
"""Files of an earlier push that would be taken for a part of this one."""


def push_to_hub(folder: Path, repository: str, *, card: str, public: bool, token: str) -> str:
    """Send weights, tokenizer, configuration and a card in one commit; nothing else of the folder leaves this machine.

    A manifest beside the model holds the settings of its run, what was to be forgotten among them: it stays here.

    Args:
        folder: A model's or an adapter's.
        repository: `owner/name`; made where it is not there yet.
        card: Text of the model card.
        public: Let everybody read it; a repository that is there keeps being private or public.
        token: Of the hub, with the right to write.

    Returns:
        Its address, and whether it is private or public.

    Raises:
        UserError: the repository is public already and that was not asked for, or the hub does not take it.
    """
    from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi

    files = {file.relative_to(folder).as_posix(): file for file in _sendable(folder)}
    with _refusals(repository):
        api = HfApi(token=token)
        address = api.create_repo(repository, private=not public, exist_ok=True)
        is_private = api.repo_info(repository).private
        if not (is_private or public):
            raise UserError(
                f"--push is {repository}, which is there and is public; add --public to publish there, or give "
                "another name."
            )
        left = {name for name in api.list_repo_files(repository) if _REPLACED.fullmatch(name)} - files.keys()
        api.create_commit(
            repository,
            [
                *(CommitOperationDelete(path_in_repo=name) for name in sorted(left)),
                *(CommitOperationAdd(path_in_repo=name, path_or_fileobj=file) for name, file in files.items()),
                CommitOperationAdd(path_in_repo=_CARD, path_or_fileobj=card.encode()),
            ],
            commit_message="Release of Reveal-and-Release",
        )
    return f"{address} ({'private' if is_private else 'public'})"


def _sendable(folder: Path) -> list[Path]:
    adapter = [folder / name for name in (CONFIG_FILE, WEIGHTS_FILE) if (folder / name).is_file()]
    return adapter or model_files(folder)


@contextmanager
def _refusals(repository: str) -> Iterator[None]:
    try:
        yield
    except UserError:
        raise
    except Exception as error:  # Of any kind: what huggingface_hub speaks HTTP with has changed before.
        reason = " ".join(str(error).split())[:300].rstrip(".") or type(error).__name__
        raise UserError(
            f"--push is {repository}, and the hub did not take it ({reason}); see to the name, HF_TOKEN and the "
            "connection, then give the same command again."
        ) from error
