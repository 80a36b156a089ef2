import pytest

from tasks.models.language_model import load_language_model
from tasks.models.pair import Pair
from tests.tiny_model import make_tiny_model


@pytest.fixture(scope="session")
def tiny_folder(tmp_path_factory):
    return make_tiny_model(tmp_path_factory.mktemp("tiny") / "model")


@pytest.fixture
def lm(tiny_folder):
    return load_language_model(tiny_folder)


@pytest.fixture
def forget():
    return [
        Pair(f"tell the {animal}", f"{animal} is rude and {colour}")
        for animal in ("dog", "cat", "fox")
        for colour in ("red", "blue")
    ]


@pytest.fixture
def retain():
    return [
        Pair(f"praise my {thing}", f"the {thing} is kind and {size}")
        for thing in ("house", "river", "cake")
        for size in ("big", "small")
    ]
