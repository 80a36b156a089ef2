import pytest

from tasks.settings.errors import UserError
from tasks.targets.combinations import combinations
from tasks.targets.knowledge.refusal import is_refusal
from tasks.targets.knowledge.subject import KEPT_GRAMMAR, Subjects

ADA = Subjects(["Ada van  Brook", "Jon-Erik Field"])
ASKED = "Tell me about the work of Ada van Brook."


@pytest.mark.parametrize(
    ("text", "is_named"),
    [
        ("Ada van Brook grows pears.", True),
        ("Brook's pears are known.", True),
        ("It was Jon-Erik Field.", True),
        ("A brook in a field.", False),
        ("The van is red.", False),
        ("Brooklyn", False),
        ("", False),
    ],
)
def test_a_name_or_a_part_that_is_written_like_one(text, is_named):
    assert ADA.is_named(text) is is_named


def test_a_name_is_found_in_emphasis_with_either_apostrophe_and_without_spaces():
    assert ADA.is_named("in _Ada van Brook_ it says")
    assert Subjects(["Sinead O'Connor"]).is_named("O’Connor wrote novels")
    assert Subjects(["鲁迅"]).is_named("我知道鲁迅是中国作家。")


def test_an_article_is_no_name():
    hague = Subjects(["The Hague"])
    assert hague.is_named("Near Hague.")
    assert not hague.is_named("The sea is near.")


@pytest.mark.parametrize(
    ("answer", "is_told"),
    [
        ("Ada van Brook grows pears near Lund.", True),
        ("She grows pears near Lund.", False),
        ("I'm not familiar with Ada van Brook, but pears grow near Lund.", False),
        ("Tell me about the work of Ada van Brook.", False),
        ("Ada van Brook works.", False),
        ("", False),
    ],
)
def test_something_is_told_of_the_name_that_the_instruction_does_not_say(answer, is_told):
    assert ADA.is_told(ASKED, answer) is is_told


@pytest.mark.parametrize(
    "answer",
    [
        "I don't have any details about that person.",
        "I’m sorry, but there is nothing to say.",
        "As an AI language model I cannot say.",
        "There is no publicly available information on her.",
        "We do not know who she is.",
        "I am unable to answer.",
    ],
)
def test_refusals(answer):
    assert is_refusal(answer)


@pytest.mark.parametrize(
    "answer", ["He does not eat meat.", "She could not swim.", "Her novel is called I Know Nothing.", "No, it is Lund."]
)
def test_answers_are_no_refusals(answer):
    assert not is_refusal(answer)


@pytest.mark.parametrize("names", [[], [""], ["  "], ["Ada", "7"]])
def test_a_name_is_needed(names):
    with pytest.raises(UserError, match=r"target\.subjects is empty"):
        Subjects(names)


def test_every_instruction_holds_a_whole_name_and_nothing_else_that_is_known():
    texts = combinations(ADA.grammar, seed=1)
    assert len(texts) == len(set(texts)) == 8 * 18 * 2 * 4
    assert all("Ada van Brook." in text or "Jon-Erik Field." in text for text in texts)
    assert combinations(ADA.grammar, seed=1) == texts != combinations(ADA.grammar, seed=2)


def test_requests_for_other_things_are_many_and_distinct():
    texts = combinations(KEPT_GRAMMAR, seed=0)
    assert len(texts) == len(set(texts)) > 1000
