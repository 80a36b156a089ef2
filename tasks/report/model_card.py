"""The card beside an unlearned model."""

from collections.abc import Mapping
from typing import Any

from tasks.report.tables import markdown_table, metric_rows
from tasks.settings.reunlearn import WATCHED

_ADAPTER_HEAD = """# Unlearning adapter

All that the release has changed, as one PEFT adapter on the untouched model: merged into it or served with it, it makes
the unlearned model. The untouched model alone has forgotten nothing.

"""


def model_card(target: str, steps: int) -> str:
    """What the folder is, in the form of a Hugging Face model card; holds no times and no paths."""
    return f"""---
tags:
- unlearning
- reveal-and-release
---

# Unlearned model

This model was made to forget the target `{target}` in {steps} steps of Reveal-and-Release (arXiv:2509.14624): it
revealed the forget data itself, and forget and retain adapters were merged into its weights by weighted subtraction and
addition.

What was measured before and after, also with int8 and int4 weights, and how deep the forgetting goes, stands in
`summary.json` of the run. What is not measured there is not known; resistance to relearning, extraction and membership
inference is tested by `python -m flows.assess`.
"""


def hub_card(summary: Mapping[str, Any], base_model: str, *, is_adapter: bool) -> str:
    """The card of what is pushed to a hub: that of the folder, with what was measured; none of the forget data.

    Nor what was forgotten before: those numbers have the names of other requests.

    Args:
        summary: Of the run.
        base_model: Hub id of the untouched model; empty where it has none.
        is_adapter: What is pushed is an adapter on the untouched model.
    """
    card = model_card(summary["target"], summary["last_step"])
    known = [f"base_model: {base_model}"] if base_model else []
    if is_adapter:
        known.append("library_name: peft")
        card = card.replace("# Unlearned model\n", _ADAPTER_HEAD)
    head = "---\n" + "".join(f"{line}\n" for line in known)
    observed = {name: metric for name, metric in summary["observed"].items() if not name.startswith(WATCHED)}
    rows = markdown_table(metric_rows({**summary, "observed": observed}))
    return card.replace("---\n", head, 1) + f"\n## Measured, on prompts that decided nothing\n\n{rows}\n"
