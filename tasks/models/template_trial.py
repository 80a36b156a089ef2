"""A chat template is a program of the model's author, in Jinja: it is tried in a process with limits before it is used.

    python -m tasks.models.template_trial < request.json

transformers renders it in Jinja's sandbox, which keeps it from files and from Python, not from looping or from filling
the memory. What the trial cannot show: that a template which ends on these messages ends on every other.
"""

import json
import resource
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tasks.models.reading import reading
from tasks.settings.errors import UserError

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

_ROOT = Path(__file__).parents[2]
_LONGEST_TEMPLATE = 2**18
"""Characters; the longest of published models has some tens of thousands."""
_MOST_WRITTEN = 2**16
"""Characters that a template may write around a message."""
_CPU_S = 2
_MEMORY_BYTES = 2**29
_WALL_S = 120
"""For a machine that is so busy that it takes its time to start a process."""
_ENDLESS = f"does not end within {_CPU_S} s of processor time and {_MEMORY_BYTES >> 20} MiB of memory"
_MESSAGES = ("Hello.", "A longer message, line by line.\n" * 128)


def try_chat_template(tokenizer: "PreTrainedTokenizerBase", path: str | Path) -> None:
    """Refuse a chat template that is too long, fails, or does not end soon; render nothing of it in this process.

    Args:
        tokenizer: With or without a chat template.
        path: What the user calls the model.

    Raises:
        UserError: the template cannot be used; the reason is in the message.
    """
    if not tokenizer.chat_template:
        return
    with reading(path):  # Of several templates none may be the one to use.
        template = tokenizer.get_chat_template()
    if not isinstance(template, str):
        raise UserError(f"model.path is '{path}', whose chat template is no text; give the tokenizer another one.")
    if len(template) > _LONGEST_TEMPLATE:
        raise UserError(
            f"model.path is '{path}', whose chat template has {len(template)} characters; give one of at most "
            f"{_LONGEST_TEMPLATE}."
        )
    request = {"chat_template": template, "tokens": tokenizer.special_tokens_map}
    command = [sys.executable, "-m", "tasks.models.template_trial"]
    try:
        done = subprocess.run(  # noqa: S603 - this interpreter and a module of ours
            command, input=json.dumps(request), capture_output=True, text=True, timeout=_WALL_S, cwd=_ROOT, check=False
        )
        refusal = json.loads(done.stdout) if done.returncode == 0 else _failure(done)
    except subprocess.TimeoutExpired:
        refusal = _ENDLESS
    if refusal:
        raise UserError(f"model.path is '{path}', whose chat template {refusal}; give the tokenizer another one.")


def _failure(done: "subprocess.CompletedProcess[str]") -> str:
    """Of a trial that gave no answer: ended by a signal it had reached a limit; else it never came to the template."""
    if done.returncode < 0:
        return _ENDLESS
    reason = (done.stderr.strip().splitlines() or ["no reason given"])[-1][:200]
    return f"could not be tried ({reason.rstrip('.')})"


def _trial(chat_template: str, tokens: dict[str, Any]) -> str:
    """Render messages as `Codec` does; what is wrong with the template, or nothing."""
    from transformers.utils.chat_template_utils import render_jinja_template

    _limit_this_process()
    for content in _MESSAGES:
        asked = [{"role": "user", "content": content}]
        for messages in (asked, [*asked, {"role": "assistant", "content": content}]):
            try:
                (written,), _ = render_jinja_template(
                    [messages], chat_template=chat_template, add_generation_prompt=messages is asked, **tokens
                )
            except MemoryError:
                return _ENDLESS
            except Exception as error:
                reason = " ".join(str(error).split())[:200] or type(error).__name__
                return f"fails ({reason.rstrip('.')})"
            if len(written) > _MOST_WRITTEN + sum(len(message["content"]) for message in messages):
                return f"makes {len(written)} characters of a message of {len(content)}"
    return ""


def _limit_this_process() -> None:
    """From now on; what Python and transformers have used to start does not count."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    used_s = int(usage.ru_utime + usage.ru_stime) + 1
    resource.setrlimit(resource.RLIMIT_CPU, (used_s + _CPU_S, used_s + _CPU_S))
    pages = int(Path("/proc/self/statm").read_text().split()[0]) if sys.platform == "linux" else 0
    room = pages * resource.getpagesize() + _MEMORY_BYTES
    if pages:
        resource.setrlimit(resource.RLIMIT_AS, (room, room))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


if __name__ == "__main__":
    sys.stdout.write(json.dumps(_trial(**json.load(sys.stdin))))
