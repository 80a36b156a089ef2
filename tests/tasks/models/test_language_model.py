import shutil
from types import SimpleNamespace

import pytest
import torch
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer, decoders, pre_tokenizers, processors
from tokenizers.models import BPE, WordLevel
from transformers import PreTrainedTokenizerFast
from transformers.utils import logging

from tasks.models.codec import Codec
from tasks.models.language_model import LanguageModel, load_language_model, save_language_model
from tasks.models.pair import Pair
from tasks.settings.errors import UserError
from tests.tiny_model import make_tiny_model

USER, ASSISTANT, END, BEGIN = 2, 3, 4, 1


def words(lm, ids) -> list[str]:
    return lm.tokenizer.convert_ids_to_tokens(ids)


def with_tokenizer(lm, core: Tokenizer, **special) -> LanguageModel:
    return LanguageModel(lm.model, PreTrainedTokenizerFast(tokenizer_object=core, eos_token="<|end|>", **special))


def with_template(lm, template: str) -> LanguageModel:
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=lm.tokenizer.backend_tokenizer, eos_token="<|end|>", bos_token="<s>", unk_token="<unk>"
    )
    tokenizer.chat_template = template
    return LanguageModel(lm.model, tokenizer)


def test_a_chat_prompt_is_opened_up_to_the_assistant(chat_lm):
    assert chat_lm.is_chat
    assert chat_lm.render("tell my dog") == "<|user|> tell my dog <|assistant|> "
    assert words(chat_lm, chat_lm.encode_prompt("tell my dog")) == ["<|user|>", "tell", "my", "dog", "<|assistant|>"]


def test_a_base_prompt_is_itself_after_one_begin_token(base_lm):
    assert not base_lm.is_chat
    assert base_lm.render("tell my dog") == "tell my dog"
    assert words(base_lm, base_lm.encode_prompt("tell my dog")) == ["<s>", "tell", "my", "dog"]
    assert words(base_lm, base_lm.encode_prompt("<s> tell my dog")) == ["<s>", "tell", "my", "dog"]
    assert base_lm.encode_prompt("") == [BEGIN]


def test_a_begin_token_of_the_chat_template_is_not_doubled(base_lm):
    lm = with_template(base_lm, "{{ bos_token }} <|user|> {{ messages[0].content }} <|assistant|> ")
    assert words(lm, lm.encode_prompt("hello")) == ["<s>", "<|user|>", "hello", "<|assistant|>"]


def test_a_complete_pair_ends_with_the_end_token(chat_lm):
    ids, first = chat_lm.encode_pair(Pair("tell my dog", "hello you"))
    assert words(chat_lm, ids[first:]) == ["hello", "you", "<|end|>"]
    assert ids[:first] == chat_lm.encode_prompt("tell my dog")


def test_an_incomplete_pair_does_not(base_lm):
    ids, first = base_lm.encode_pair(Pair("tell my", " dog hello", complete=False))
    assert words(base_lm, ids) == ["<s>", "tell", "my", "dog", "hello"]
    assert first == 3


def test_an_empty_response_is_an_end_token(chat_lm):
    ids, first = chat_lm.encode_pair(Pair("hello", ""))
    assert ids == [*chat_lm.encode_prompt("hello"), END]
    assert first == len(ids) - 1


def test_a_token_that_straddles_the_border_belongs_to_the_response(base_lm):
    vocabulary = {"<|end|>": 0, "a": 1, "b": 2, "c": 3, "ab": 4}
    lm = with_tokenizer(base_lm, Tokenizer(BPE(vocabulary, [("a", "b")])))
    assert lm.encode_pair(Pair("ca", "bc", complete=False)) == ([3, 4, 3], 1)
    assert lm.encode_pair(Pair("cb", "ac", complete=False)) == ([3, 2, 1, 3], 2)


def test_an_empty_prompt_without_a_begin_token_is_refused(base_lm):
    lm = with_tokenizer(base_lm, Tokenizer(BPE({"<|end|>": 0, "a": 1}, [])))
    with pytest.raises(UserError, match="a prompt is empty"):
        lm.encode_prompt("")


def test_the_text_the_template_puts_before_a_response_is_part_of_what_is_learned(base_lm):
    """Mistral's template opens with `[/INST]` and continues with a space, which is in the first token it writes."""
    core = Tokenizer(WordLevel({"<|end|>": 0, "[/INST]": 1, "▁yes": 2, "yes": 3, "▁": 4, "▁no": 5, "[INST]": 6}, "▁"))
    core.add_special_tokens(["[INST]", "[/INST]"])
    core.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="never")
    core.decoder = decoders.Metaspace(prepend_scheme="never")
    lm = with_tokenizer(base_lm, core)
    lm.tokenizer.chat_template = (
        "{% for m in messages %}{% if m.role == 'user' %}[INST] {{ m.content }}[/INST]"
        "{% else %} {{ m.content }}<|end|>{% endif %}{% endfor %}"
    )
    ids, first = lm.encode_pair(Pair("no", "yes"))
    assert words(lm, ids) == ["[INST]", "▁no", "[/INST]", "▁yes", "<|end|>"]
    assert first == 3
    assert lm.decode(ids[first:]) == "yes"
    assert lm.encode_prompt("no", "yes") == ids[:-1]


def test_the_end_token_is_the_one_the_template_writes(chat_lm):
    """Gemma's tokenizer ends with `<eos>`, its turns with `<end_of_turn>`, which the generation config lists."""
    template = chat_lm.tokenizer.chat_template.replace("<|end|>", "stone")
    lm = with_template(chat_lm, template)
    stone = lm.tokenizer.convert_tokens_to_ids("stone")
    lm.generation_config = SimpleNamespace(eos_token_id=[END, stone])
    assert lm.end_token_ids == [END, stone]
    assert lm.encode_pair(Pair("hello", "you"))[0][-1] == stone


def test_a_tokenizer_alone_can_say_what_ends_a_text(chat_lm):
    codec = Codec(chat_lm.tokenizer, chat_lm.config, SimpleNamespace(eos_token_id=None))
    assert codec.end_token_ids == [END]


def test_text_that_is_continued_keeps_its_first_space(base_lm):
    core = Tokenizer(WordLevel({"<unk>": 0, "▁a": 1, "▁dog": 2, "s": 3, "<s>": 4, "<|end|>": 5}, "<unk>"))
    core.pre_tokenizer = pre_tokenizers.Metaspace()
    core.decoder = decoders.Metaspace()
    core.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 4)])
    lm = with_tokenizer(base_lm, core, bos_token="<s>")
    assert lm.decode([2]) == "dog"
    assert lm.decode([2], after=lm.encode_prompt("a")) == " dog"
    assert lm.decode([3], after=lm.encode_prompt("a dog")) == "s"
    assert lm.decode([2, 5], after=lm.encode_prompt("")) == "dog"


def test_embeddings_are_the_models_own(chat_lm):
    ids = chat_lm.encode_prompt("tell my dog")
    embeddings = chat_lm.embed(ids)
    assert embeddings.shape == (len(ids), chat_lm.hidden_size)
    assert torch.equal(embeddings, chat_lm.model.model.embed_tokens.weight[ids])


def test_a_text_longer_than_the_context_is_refused(chat_lm):
    chat_lm.require_context(256)
    with pytest.raises(UserError, match=r"a text of 257 tokens.* longer than the 256"):
        chat_lm.require_context(257)


def test_a_loaded_model_is_for_inference(chat_lm):
    assert not chat_lm.model.training
    assert not any(p.requires_grad for p in chat_lm.model.parameters())
    assert chat_lm.model.config._attn_implementation == "sdpa"
    assert chat_lm.model.dtype == torch.float32


def test_the_dtype_is_what_was_asked_for(chat_folder):
    assert load_language_model(chat_folder, dtype="bfloat16").model.dtype == torch.bfloat16


def test_without_a_pad_token_the_end_token_is_taken(chat_folder, tmp_path):
    folder = shutil.copytree(chat_folder, tmp_path / "model")
    config = folder / "tokenizer_config.json"
    config.write_text(config.read_text().replace('"pad_token": "<|end|>"', '"pad_token": null'))
    assert load_language_model(folder).pad_token_id == END


def test_loading_says_nothing_and_leaves_the_logging_of_transformers_as_it_was(chat_folder, capfd):
    before = logging.get_verbosity(), logging.is_progress_bar_enabled()
    load_language_model(chat_folder)
    assert capfd.readouterr() == ("", "")
    assert (logging.get_verbosity(), logging.is_progress_bar_enabled()) == before


@pytest.fixture
def folder(chat_folder, tmp_path):
    return shutil.copytree(chat_folder, tmp_path / "model")


def refusal(folder, **how) -> str:
    with pytest.raises(UserError) as caught:
        load_language_model(folder, **how)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_model_that_is_not_there(tmp_path):
    assert "is no folder" in refusal(tmp_path / "nowhere")


def test_a_config_of_nothing_known(folder):
    (folder / "config.json").write_text('{"model_type": "oracle"}')
    assert "cannot be read" in refusal(folder)


def test_a_model_with_code_of_its_own(folder):
    (folder / "config.json").write_text('{"model_type": "own", "auto_map": {"AutoConfig": "code.OwnConfig"}}')
    assert "cannot be read" in refusal(folder)


def test_weights_cut_short(folder):
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:5000])
    assert "cannot be read" in refusal(folder)


def test_weights_with_a_hole(folder):
    weights = load_file(folder / "model.safetensors")
    del weights["model.norm.weight"]
    save_file(weights, folder / "model.safetensors", {"format": "pt"})
    assert "lacks 1 of its weights (model.norm.weight)" in refusal(folder)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_gpu_that_is_not_there(folder):
    assert refusal(folder, device="cuda").startswith("model.device is cuda")


def test_a_saved_model_is_the_same_model(tmp_path):
    lm = load_language_model(make_tiny_model(tmp_path / "model"))
    save_language_model(lm, tmp_path / "again")
    again = load_language_model(tmp_path / "again")
    for name, tensor in lm.model.state_dict().items():
        assert torch.equal(again.model.state_dict()[name], tensor), name
    assert again.render("hello") == lm.render("hello")


@pytest.mark.parametrize("fixture", ["chat_lm", "base_lm"])
def test_what_is_given_is_read_as_the_model_s_own_words_and_not_learned(fixture, request):
    lm = request.getfixturevalue(fixture)
    given = Pair("tell my", "dog", complete=False, given="the old " if lm.is_chat else " the old ")
    ids, first = lm.encode_pair(given)
    assert ids[:first] == lm.encode_prompt("tell my", response_prefix=given.given)
    assert lm.tokenizer.decode(ids[first:]).strip() == "dog"
    whole, _ = lm.encode_pair(Pair("tell my", given.given + "dog", complete=False))
    assert ids == whole
