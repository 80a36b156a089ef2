import itertools
import json

import pytest

from tasks.models.pair import Pair
from tasks.settings.errors import UserError
from tasks.settings.target import TargetSettings
from tasks.targets.entities.target import EntityTarget
from tasks.targets.registry import build_target
from tests.tasks.targets.entities.data import WIKIGOLD, needs_wikigold

NUM_PROMPTS = {"tune": 24, "report": 32}
FIRST = ("Ada", "Tom", "Zoe", "Ben", "Ivy", "Max", "Una", "Gus")
LAST = ("Reed", "Hale", "Moss", "Lund", "Orr", "Yates", "Duval", "Quist")
PLACES = ("Varna", "Oslo", "Lima", "Graz", "Cork", "Split", "Bonn", "Turku")
FORMS = ("P sang", "P left L", "O moved to L", "L is quiet", "O grew", "it rained all day", "P runs O in L", "G won")


def conll(repeats=8):
    """Sentences of eight forms: people alone, beside others, others alone, none; one type (GAME) that is rare."""
    lines = []
    for number, (form, first, last) in enumerate(itertools.product(FORMS, FIRST, LAST)):
        if form.startswith("G") and number % 13:
            continue
        place = PLACES[number % 8]
        words = {
            "P": [(first, "B-PER"), (last, "I-PER")],
            "L": [(place, "B-LOC")],
            "O": [(last, "B-ORG"), (f"Group{number % 7}", "I-ORG")],
            "G": [(f"Chess{number}", "B-GAME")],
        }
        for word in form.split():
            lines += [f"{token} {tag}" for token, tag in words.get(word, [(word, "O")])]
        lines += [f"{first}{last} O", ""]  # so that no two sentences are alike
    return "\n".join(lines)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("files")
    (folder / "some.conll").write_text(conll())
    (folder / "names.txt").write_text("\n".join(FIRST))
    (folder / "text.jsonl").write_text(
        "".join(json.dumps({"prompt": f"Say {n}.", "response": f"I say {n}."}) + "\n" for n in range(200))
        + json.dumps({"prompt": "Tag it.", "response": '{"person": ["Ada Reed"]}'})
    )
    return folder


@pytest.fixture
def make(files):
    def make(**changes):
        settings = {
            "kind": "entities",
            "conll_file": str(files / "some.conll"),
            "entity_type": "PER",
            "gazetteer_file": str(files / "names.txt"),
        }
        return build_target(TargetSettings(**settings | changes), num_prompts=NUM_PROMPTS, max_new_tokens=8, seed=0)

    return make


@pytest.fixture
def target(make):
    return make()


def metrics(target):
    return {metric.name: metric for metric in (target.forget, *target.utility, *target.observed)}


def test_what_is_forgotten_kept_and_observed(target):
    assert target.forget.name == "PER"
    assert [metric.name for metric in target.utility] == ["LOC", "ORG"]
    assert target.primary in ("LOC", "ORG")
    assert [metric.name for metric in target.observed] == ["GAME", "mixed"]


def test_each_metric_asks_what_it_says(target):
    for split, num in NUM_PROMPTS.items():
        forget = target.forget.examples[split]
        assert len(forget) == num
        assert all(example.mentions and example.type.label == "PER" for example in forget)
        assert {example.is_mixed for example in forget} == {True, False}
        for metric in target.utility:
            examples = metric.examples[split]
            assert len(examples) == num
            assert sum(not example.mentions for example in examples) == num // 4
            assert not any(first in example.sentence.split() for example in examples for first in FIRST)
        mixed = metrics(target)["mixed"].examples[split]
        assert all(example.mentions and example.type.label != "PER" for example in mixed)
        assert all(set(FIRST) & set(example.sentence.split()) for example in mixed)


def test_the_splits_and_what_is_trained_on_share_no_prompt(target):
    retain = target.retain_set(None, size=400, seed=0)
    tune, report = (
        {example.prompt for metric in metrics(target).values() for example in metric.examples[split]}
        for split in ("tune", "report")
    )
    train = {pair.prompt for pair in retain.train}
    assert len(train) > 50
    assert not tune & report
    assert not train & (tune | report)


def test_right_answers_score_1_and_wrong_ones_less(target):
    for metric in metrics(target).values():
        examples = metric.examples["report"]
        assert metric.score(examples, [example.response for example in examples]) == 1
    examples = target.forget.examples["report"]
    half = [example.response if n % 2 else '{"person": []}' for n, example in enumerate(examples)]
    assert target.forget.score(examples, half) == pytest.approx(2 * 16 / (2 * 16 + 16))  # each names one person
    assert target.forget.score(examples, ["I cannot."] * len(examples)) == 0


def test_relevance_is_a_tagged_sentence_with_a_known_entity(target):
    raws = [
        '{"sentence": "Ada Brook sang.", "person": ["Ada Brook"]}',
        '{"sentence": "Nobody Brook sang.", "person": ["Nobody Brook"]}',
        '{"sentence": "Ada Brook sang.", "person": []}',
        '{"person": ["Ada Brook"]}',
        "Ada Brook sang.",
        "",
    ]
    assert target.relevance("Write one.", raws) == [1, 0, 0, 0, 0, 0]


def test_a_pair_has_the_form_of_the_held_out_prompts(target):
    raw = (
        '[{"sentence": "Ada Brook met Bo.", "person": ["Ada Brook", "Bo"]}, {"sentence": "Bo sat.", "person": ["Bo"]}]'
    )
    (pair,) = target.pairs("Write some.", raw)
    assert (pair.given, pair.response) == ('{"person": [', '"Ada Brook", "Bo"]}')
    example = target.forget.examples["tune"][0]
    assert pair.prompt == example.prompt.replace(example.sentence, "Ada Brook met Bo.")
    assert target.is_shown(pair)
    assert target.pairs("Write some.", "no") == []


def test_shots_stand_in_all_prompts_alike_and_are_none_of_the_held_out_sentences(make):
    few, zero = make(shots=4), make()
    for name, metric in metrics(few).items():
        by_type = {}
        for split, examples in metric.examples.items():
            for example in examples:
                shots = example.prompt.split("\n\n")[1:-1]
                assert len(shots) == 4 or name == "GAME"
                by_type.setdefault(example.type, shots)
                assert shots == by_type[example.type]
                held_out = [f"Sentence: {other.sentence}\n" for other in metrics(zero)[name].examples[split]]
                assert not any(shot.startswith(tuple(held_out)) for shot in shots)
    raw = '{"sentence": "Ada Brook sang.", "person": ["Ada Brook"]}'
    (pair,) = few.pairs("Write one.", raw)
    assert pair.prompt.split("\n\n")[1:-1] == few.forget.examples["tune"][0].prompt.split("\n\n")[1:-1]


def test_what_is_kept_never_lists_the_forgotten_type(target):
    retain = target.retain_set(None, size=100, seed=0)
    assert len(retain.train) == 100
    assert {split: len(pairs) for split, pairs in retain.held_out.items()} == NUM_PROMPTS
    for pairs in (retain.train, *retain.held_out.values()):
        assert not any(target.is_shown(pair) or "List the people" in pair.prompt for pair in pairs)
    assert any('{"location": ["' in pair.response for pair in retain.train)
    assert any('{"location": []' in pair.response for pair in retain.train)


def test_half_of_what_is_kept_is_other_text_where_there_is_some(make, files):
    retain = make(retain_file=str(files / "text.jsonl")).retain_set(None, size=60, seed=0)
    assert sum(pair.prompt.startswith("Say") for pair in retain.train) == 30
    assert len(retain.train) == 60
    assert all(pair.prompt.startswith("Say") for pairs in retain.held_out.values() for pair in pairs)


def test_is_shown_is_of_the_type_by_name(target):
    assert target.is_shown(Pair("Tag.", '{"person": ["Ada"]}'))
    assert target.is_shown(Pair("Write.", '{"sentence": "Ada sang.", "person": ["Ada"]}'))
    for response in ('{"person": []}', '{"location": ["Oslo"]}', '["Ada"]', "Ada sang.", "{1: [2]}"):
        assert not target.is_shown(Pair("Tag.", response))


def test_the_search_may_not_ask_held_out_prompts(target):
    assert target.may_ask(" ".join(filter(None, (slot[0] for slot in target.grammar))))
    assert not target.may_ask("")
    for metric in metrics(target).values():
        assert not any(target.may_ask(example.prompt) for some in metric.examples.values() for example in some)


def test_a_soft_prompt_is_asked_for_the_same_form(target):
    assert target.soft_template.count("{soft}") == 1
    assert target.soft_template.replace("{soft} ", "") == target.grammar[-1][0]


class Checkpoint:
    """Finds every person, and no place."""

    def answers(self, metric, split):
        return [example.response if example.type.label == "PER" else "none" for example in metric.examples[split]]


def test_details_tell_what_each_f1_is_made_of(target):
    numbers = target.details(Checkpoint(), "report").numbers
    assert (numbers["PER: precision"].value, numbers["PER: recall"].value) == (1, 1)
    assert numbers["PER: precision"].better == "lower"
    assert numbers["LOC: unreadable answers"].value == 1
    assert (numbers["LOC: recall"].value, numbers["LOC: recall"].better, numbers["LOC: recall"].n) == (0, "higher", 32)
    assert numbers["PER: F1 in mixed sentences"].n + numbers["PER: F1 in other sentences"].n == 32


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"conll_file": ""}, "target.conll_file is empty"),
        ({"entity_type": ""}, "target.entity_type is '', but target.conll_file tags GAME, LOC, ORG, PER"),
        ({"entity_type": "PERSON"}, "target.entity_type is 'PERSON', but"),
        ({"entity_type": "GAME"}, r"has \d sentences with the type GAME for the split (tune|report), which needs 8"),
        ({"shots": 32, "entity_type": "GAME"}, r"target.shots is 32, but .* for \d+ shots of the type GAME"),
        ({"gazetteer_file": ""}, "exactly one of .* tells what is a person"),
        ({"phrases": ["dog"]}, "target.phrases is set, but target.kind is entities"),
    ],
)
def test_settings_that_cannot_be_used_are_named(make, changes, message):
    with pytest.raises(UserError, match=message):
        make(**changes)


@needs_wikigold
@pytest.mark.parametrize("label", ["PER", "LOC", "ORG", "MISC"])
def test_wikigold_any_type_can_be_forgotten(label):
    target = EntityTarget(
        conll_file=str(WIKIGOLD),
        label=label,
        scheme="auto",
        num_shots=5,
        gazetteer_file="",
        mention_pattern=r"[A-Z].*",
        classifier_folder="",
        retain_file="",
        num_prompts={"tune": 128, "report": 200},
        device="cpu",
        seed=0,
    )
    assert {metric.name for metric in target.utility} == {"PER", "LOC", "ORG", "MISC"} - {label}
    for metric in metrics(target).values():
        for split in NUM_PROMPTS:
            examples = metric.examples[split]
            assert len(examples) >= 80
            assert metric.score(examples, [example.response for example in examples]) == 1
