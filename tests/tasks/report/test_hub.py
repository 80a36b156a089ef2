import shutil

import pytest
import yaml

from tasks.report.hub import REPOSITORY, push_to_hub
from tasks.report.model_card import hub_card, model_card
from tasks.settings.errors import UserError
from tasks.settings.reunlearn import ForgottenTarget
from tasks.settings.target import TargetSettings
from tests.recorded_run import summary_of
from tests.tasks.report.fake_hub import fake_hub
from tests.tiny_model import make_tiny_model

CARD = "---\ntags:\n- unlearning\n---\n\n# Unlearned\n"


@pytest.fixture
def hub(monkeypatch):
    with fake_hub(monkeypatch) as hub:
        yield hub


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return make_tiny_model(tmp_path_factory.mktemp("models") / "model")


@pytest.fixture
def folder(made, tmp_path):
    """A model as a run publishes it: with a manifest that holds the run's settings, and so what was to be forgotten."""
    folder = shutil.copytree(made, tmp_path / "model")
    (folder / "manifest.json").write_text('{"settings": {"target": {"phrases": ["a secret word"]}}}')
    (folder / "README.md").write_text("the folder's own")
    (folder / "forget-set.jsonl").write_text('{"response": "a secret word"}')
    return folder


def push(folder, hub, **how) -> str:
    return push_to_hub(folder, "me/model", **{"card": CARD, "public": False, "token": hub.token} | how)


def test_model_and_card_arrive_in_one_commit_in_a_private_repository(folder, hub):
    assert push(folder, hub) == f"{hub.url}/me/model (private)"
    assert hub.private is True
    assert len(hub.commits) == 1
    weights = {"model.safetensors", "config.json", "generation_config.json"}
    tokenizer = {"tokenizer.json", "tokenizer_config.json", "chat_template.jinja"}
    assert set(hub.files) == weights | tokenizer | {"README.md"}
    assert hub.files.pop("README.md").decode() == CARD
    assert all(content == (folder / name).read_bytes() for name, content in hub.files.items())


def test_every_chat_template_keeps_its_place_and_those_of_an_earlier_push_go(folder, hub):
    (folder / "additional_chat_templates").mkdir()
    (folder / "additional_chat_templates" / "chat_template.jinja").write_text("another")
    hub.private = True
    hub.files = {"additional_chat_templates/old.jinja": b""}
    push(folder, hub)
    assert hub.files["additional_chat_templates/chat_template.jinja"] == b"another"
    assert hub.files["chat_template.jinja"] == (folder / "chat_template.jinja").read_bytes()
    assert "additional_chat_templates/old.jinja" not in hub.files


def test_nothing_of_the_run_goes_with_it(folder, hub):
    push(folder, hub)
    sent = b"".join(hub.files.values())
    assert b"a secret word" not in sent
    assert str(folder).encode() not in sent
    assert hub.token.encode() not in sent


def test_an_adapter_is_its_two_files(tmp_path, hub):
    for name in ("adapter_config.json", "adapter_model.safetensors", "manifest.json"):
        (tmp_path / name).write_text(name)
    push(tmp_path, hub)
    assert set(hub.files) == {"adapter_config.json", "adapter_model.safetensors", "README.md"}


def test_public_is_said_twice(folder, hub):
    assert push(folder, hub, public=True).endswith("(public)")
    assert hub.private is False
    with pytest.raises(UserError, match=r"^--push is me/model, which is there and is public; add --public .*\.$"):
        push(folder, hub)
    assert len(hub.commits) == 1


def test_a_private_repository_stays_private(folder, hub):
    push(folder, hub)
    assert push(folder, hub, public=True).endswith("(private)")
    assert hub.private is True


def test_shards_and_adapters_of_an_earlier_push_go_and_other_files_stay(folder, hub):
    """A model beside an `adapter_config.json` would be taken for one that an adapter belongs on."""
    hub.private = True
    shards = ("model-00001-of-00002.safetensors", "model.safetensors.index.json")
    earlier = (*shards, "adapter_config.json", "adapter_model.safetensors")
    hub.files = dict.fromkeys((*earlier, "notes.md", ".gitattributes"), b"")
    push(folder, hub)
    assert not set(earlier) & set(hub.files)
    assert {"notes.md", ".gitattributes", "model.safetensors"} <= set(hub.files)


@pytest.mark.parametrize("status", [403, 413])
def test_a_push_that_is_not_taken_is_one_sentence_without_the_token(folder, hub, status):
    hub.failure = status
    with pytest.raises(UserError) as caught:
        push(folder, hub)
    message = str(caught.value)
    assert message.startswith("--push is me/model, and the hub did not take it (")
    assert ("\n" in message, hub.token in message) == (False, False)
    assert hub.files == {}


def test_a_wrong_token(folder, hub):
    with pytest.raises(UserError, match=r"the hub did not take it \(.*401"):
        push(folder, hub, token="hf_other")
    assert hub.private is None


def test_no_hub(folder, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(UserError, match=r"the hub did not take it \(.*offline mode"):
        push_to_hub(folder, "me/model", card=CARD, public=False, token="hf_invented")


@pytest.mark.parametrize(
    ("name", "is_one"),
    [("me/model-1.0_x", True), ("model", False), ("me/", False), ("me/a/b", False), ("../x", False), ("-a/b", False)],
)
def test_what_a_repository_is_called(name, is_one):
    assert bool(REPOSITORY.fullmatch(name)) == is_one


def front_matter(card: str) -> dict:
    return yaml.safe_load(card.split("---\n")[1])


def test_the_card_says_what_was_measured():
    card = hub_card(summary_of("a-run"), "org/base-7b", is_adapter=False)
    assert front_matter(card) == {"base_model": "org/base-7b", "tags": ["unlearning", "reveal-and-release"]}
    assert "# Unlearned model" in card
    assert "| before" in card.replace("|  ", "| ")
    assert "0.250" in card


def test_the_card_does_not_name_what_was_forgotten_before():
    before = ForgottenTarget(name="jane-doe", target=TargetSettings(kind="person"), limit=0.1)
    summary = summary_of("a-run")
    observed = {"rhyming": summary["forget"], before.watched_as: summary["forget"]}
    card = hub_card(summary | {"observed": observed}, "", is_adapter=False)
    assert "beside rhyming" in card
    assert "jane-doe" not in card


def test_the_card_of_an_adapter_says_what_it_is_on():
    card = hub_card(summary_of("a-run"), "", is_adapter=True)
    assert front_matter(card)["library_name"] == "peft"
    assert "base_model" not in card
    assert "# Unlearning adapter" in card
    assert "# Unlearned model" not in card


def test_the_card_in_the_folder_is_as_it_was():
    assert front_matter(model_card("toxicity", 3)) == {"tags": ["unlearning", "reveal-and-release"]}
