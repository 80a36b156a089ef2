"""How prompts and responses become the tokens a model knows them by, and back; the weights can be anywhere."""

import math
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

from transformers import AutoConfig, AutoTokenizer, GenerationConfig, PreTrainedConfig, PreTrainedTokenizerFast

from tasks.models.model_folder import find_model_folder
from tasks.models.pair import Pair
from tasks.models.reading import READING, reading
from tasks.models.running_text import RunningText
from tasks.settings.errors import UserError


class Codec:
    """A tokenizer, and what the configuration of its model says.

    A tokenizer with a chat template makes it a chat model: a prompt is then a message of the user and a response the
    message of the assistant. Without one, prompt and response are one running text.
    """

    def __init__(
        self, tokenizer: PreTrainedTokenizerFast, config: PreTrainedConfig, generation_config: GenerationConfig
    ) -> None:
        self.tokenizer = tokenizer
        self.config = config
        self.generation_config = generation_config

    @property
    def hidden_size(self) -> int:
        """Width of a hidden state, which is that of a token embedding."""
        return self.config.get_text_config().hidden_size

    @property
    def is_chat(self) -> bool:
        """The tokenizer has a chat template."""
        return bool(self.tokenizer.chat_template)

    @property
    def pad_token_id(self) -> int:
        """What fills up a batch; it is masked or comes after the text, so any token will do."""
        return self.tokenizer.pad_token_id or 0

    @cached_property
    def end_token_ids(self) -> list[int]:
        """Tokens that end a response: the tokenizer's, then those of the generation config (some models have three)."""
        configured = self.generation_config.eos_token_id
        configured = configured if isinstance(configured, list) else [configured]
        return [*dict.fromkeys(i for i in (self.tokenizer.eos_token_id, *configured) if i is not None)]

    @property
    def context(self) -> float:
        """Tokens the model can read at once; infinite where its configuration names no limit."""
        return getattr(self.config.get_text_config(), "max_position_embeddings", None) or math.inf

    def render(self, prompt: str) -> str:
        """The prompt as the model is given it: up to where the assistant speaks, or the text itself."""
        return self._apply_template(prompt) if self.is_chat else prompt

    def running_text(self, prompt: str, response: str = "") -> RunningText:
        """The rendered prompt and a response, or the beginning of one, tokenised together.

        Together, because the tokens at the border then are those the model meets when it reads or writes that text.
        Where the tokenizer puts a token before a text, it stands there once.
        """
        before = self.render(prompt) + (self._around_response[0] if response else "")
        encoding = self.tokenizer(before + response, add_special_tokens=False, return_offsets_mapping=True)
        ids, ends = encoding["input_ids"], [end for _, end in encoding["offset_mapping"]]
        if self._begin_token_id is not None and ids[:1] != [self._begin_token_id]:
            ids, ends = [self._begin_token_id, *ids], [0, *ends]
        return RunningText(before + response, len(before), ids, ends)

    def encode_prompt(self, prompt: str, response_prefix: str = "") -> list[int]:
        """Token ids of what the model continues: the rendered prompt, and the beginning of a response if there is one.

        Raises:
            UserError: the prompt is empty and the tokenizer puts no token before a text.
        """
        ids = self.running_text(prompt, response_prefix).token_ids
        if not ids:
            raise UserError("a prompt is empty, and this model has no token that begins a text; write a word at least.")
        return ids

    def encode_pair(self, pair: Pair) -> tuple[list[int], int]:
        """Token ids of prompt, response and, where it is complete, the end token; index of the first response token."""
        running = self.running_text(pair.prompt, pair.given + pair.response)
        end = [self._turn_end_id] if pair.complete and self.end_token_ids else []
        return running.token_ids + end, running.first_token_after(len(pair.given))

    def decode(self, ids: Sequence[int], *, after: Sequence[int] = ()) -> str:
        """Text of generated tokens, special ones left out: a message, or what reads on from the tokens `after`.

        Many tokenizers drop the space before a first word. In a message that is right; a text that is continued would
        lose it, so there it is what `after` and `ids` together have more than `after` alone.
        """
        if after:
            context, whole = self._decode(after), self._decode([*after, *ids])
            if whole.startswith(context):
                return whole[len(context) :]
        return self._decode(ids).removeprefix(self._around_response[0])

    def require_context(self, num_tokens: int) -> None:
        """Refuse a text that is longer than what the model can read.

        Raises:
            UserError: `num_tokens` is more than the context of the model.
        """
        if num_tokens > self.context:
            raise UserError(
                f"a text of {num_tokens} tokens, new ones included, is longer than the {self.context} it can read; "
                "shorten it, or lower max_new_tokens."
            )

    def _decode(self, ids: Sequence[int]) -> str:
        return self.tokenizer.decode(ids, skip_special_tokens=True, clean_up_tokenization_spaces=False)

    def _apply_template(self, prompt: str, response: str | None = None) -> str:
        messages = [{"role": "user", "content": prompt}]
        if response is not None:
            messages.append({"role": "assistant", "content": response})
        return self.tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=response is None)

    @cached_property
    def _begin_token_id(self) -> int | None:
        """What the tokenizer puts before a text; a chat template writes its own."""
        begin = self.tokenizer.bos_token_id
        return begin if not self.is_chat and self.tokenizer("")["input_ids"][:1] == [begin] else None

    @cached_property
    def _around_response(self) -> tuple[str, str]:
        """What the chat template writes between its opening and a response (Mistral: a space), and after it."""
        if not self.is_chat:
            return "", ""
        opening, mark = self._apply_template("x"), "RESPONSE"
        before, _, after = self._apply_template("x", mark).rpartition(mark)
        return (before.removeprefix(opening) if before.startswith(opening) else ""), after

    @cached_property
    def _turn_end_id(self) -> int:
        """The end token the chat template writes; it need not be the tokenizer's own (Gemma: `<end_of_turn>`)."""
        written = self.tokenizer(self._around_response[1], add_special_tokens=False)["input_ids"]
        return next((i for i in written if i in self.end_token_ids), self.end_token_ids[0])


def load_codec(path: str | Path) -> Codec:
    """Read the tokenizer and the configuration of a model folder, or of a hub id, and leave the weights alone.

    Raises:
        UserError: what `find_model_folder` refuses; the files cannot be read; the tokenizer is a slow one.
    """
    folder = find_model_folder(path)
    with reading(path):
        tokenizer = AutoTokenizer.from_pretrained(folder, **READING)
        config = AutoConfig.from_pretrained(folder, **READING)
        if (folder / "generation_config.json").is_file():
            generation_config = GenerationConfig.from_pretrained(folder, local_files_only=True)
        else:
            generation_config = GenerationConfig.from_model_config(config)
    if not tokenizer.is_fast:
        raise UserError(f"model.path is '{path}', whose tokenizer is a slow one; save one with a tokenizer.json.")
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token
    return Codec(tokenizer, config, generation_config)
