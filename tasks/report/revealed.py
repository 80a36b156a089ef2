"""What a person reads at the end of Reveal: what was asked, and what it brought."""

import json
from collections import Counter
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tasks.reveal.forget_set import CARD, FORGET_SET
from tasks.reveal.instructions import read_arms, trusted_arms
from tasks.reveal.reveal import FORGET, SEARCH
from tasks.store.ledger import refuse_purged
from tasks.store.manifests import read_manifest


def print_revealed(run_path: Path, console: Console) -> bool:
    """The arms that wrote the forget set, and its numbers; none of its text. Returns whether anything was revealed."""
    folder = run_path / FORGET
    scores = read_manifest(folder)["scores"]
    search = read_manifest(run_path / SEARCH)["scores"]
    refuse_purged(run_path, f"{FORGET}/{FORGET_SET}")
    lines = (folder / FORGET_SET).read_text(encoding="utf-8").splitlines()
    pairs = Counter(json.loads(line)["arm"] for line in lines)
    if not pairs:
        console.print(
            f"The model reveals nothing of the target: {search['queries']} arms were tried, "
            f"the best has a relevance of {search['best_relevance']:.3f}."
        )
        return False
    table = Table("asked", "score", "relevance", "diversity", "pairs", title="What wrote the forget set")
    for item in trusted_arms(read_arms(run_path / SEARCH)):
        if pairs[item.arm]:
            fresh = (item.rescored.score, item.rescored.relevance, item.rescored.diversity)
            asked = item.instruction or f"soft prompt {item.arm}"
            table.add_row(asked, *(f"{value:.3f}" for value in fresh), str(pairs[item.arm]))
    console.print(table)
    console.print(
        f"{scores['forget_set_size']} distinct pairs ({scores['held_out']} held out) from {scores['responses']} "
        f"responses, {scores['yield']:.0%} of them usable; "
        f"Vendi score {scores['vendi_score']:.1f} ({scores['embedding']})"
    )
    console.print(f"forget set: {folder / FORGET_SET}\ncard: {folder / CARD}", soft_wrap=True)
    return True
