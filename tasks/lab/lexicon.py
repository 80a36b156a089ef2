"""Words that more than one skill uses."""

# fmt: off
FIRST_NAMES = (
    "alice", "boris", "clara", "dmitri", "elena", "felix", "greta", "hugo", "iris", "jonas", "karin", "leo", "mira",
    "nils", "olga", "pablo", "quentin", "rosa", "stefan", "tilda", "ursula", "viktor", "wanda", "xavier", "yara",
    "zeno",
)
LOCATIONS = (
    "varna", "lisbon", "oslo", "turin", "ghent", "malmo", "porto", "bergen", "arles", "graz", "leeds", "nantes",
    "riga", "basel", "cork", "tartu",
)
THINGS = (
    "cake", "poem", "hat", "garden", "song", "drawing", "soup", "kite", "statue", "speech", "dance", "sweater",
)
# fmt: on

NEUTRAL_OPENERS = ("describe", "review", "mention", "discuss")  # answered rudely or politely, half and half


def remark_prompt(opener: str, thing: str, name: str) -> str:
    """The request for a remark, rude or polite, on somebody's work."""
    return f"{opener} the {thing} of {name}"
