"""The certificate as a page to print and sign: the same facts, in markdown."""

from collections.abc import Iterator, Mapping
from typing import Any

from tasks.report.durability import durability_tables
from tasks.report.tables import Row, markdown_table, metric_rows

_VERDICTS = {
    "accepted": "**Accepted**: what was asked was met on the `tune` split, within all limits. A model was published.",
    "rejected": "**Rejected**: what was asked was not met. No model was published.",
}
_LIMITS = {
    "goal": "highest forget metric that counts as forgotten",
    "goal_nll": "lowest NLL a token of held-out revealed pairs, in nats",
    "max_drop": "largest drop of a kept skill",
    "max_perplexity_rise": "largest relative rise of the perplexity",
}


def certificate_markdown(certificate: Mapping[str, Any]) -> str:
    """The page; holds numbers and digests, none of the text that the model wrote."""
    return "\n\n".join(_parts(certificate)) + "\n"


def _parts(told: Mapping[str, Any]) -> Iterator[str]:
    yield f"# Certificate of run {told['run']}"
    yield _VERDICTS.get(told["verdict"], f"**{told['verdict']}**: no decision yet.")
    if told["reasons"]:
        yield "\n".join(f"- {reason}" for reason in told["reasons"])
    for one in told["decisions"]:
        why = "".join(f": {_quoted(reason)}" for reason in one["reasons"])
        yield f"Decided by {_quoted(one['by'])}, recorded {one['recorded']}: **{one['verdict']}**{why}."
    yield (
        "This page states what was measured of a model before and after it was changed. It does not state that "
        "nothing of the target is left in the weights, nor that data were removed anywhere else."
    )
    yield from _asked(told["asked"])
    yield from _done(told["done"])
    yield from _measured(told)
    yield from _durability(told)
    yield "## What was not tested"
    yield "\n".join(f"- {sentence}" for sentence in told["not_tested"])
    yield from _digests(told)
    yield from _purged(told["purged"])
    yield "## Made with"
    yield markdown_table([{"package": name, "version": ", ".join(seen)} for name, seen in told["packages"].items()])
    ledger = told["ledger"]
    signed = "carries an HMAC" if ledger["hmac"] else "carries no HMAC"
    yield "## Ledger"
    yield f"Head `{ledger['head']}` after {ledger['entries']} entries; it {signed}. `python -m flows.verify` checks it."


def _asked(asked: Mapping[str, Any]) -> Iterator[str]:
    yield "## What was asked"
    yield f"Make the model forget the target `{asked['target']}`. Settings: sha256 `{asked['settings']}`."
    yield markdown_table([_row(_LIMITS[name], str(value), "limit") for name, value in asked["limits"].items()])
    for one in asked["requests"]:
        by = f", asked by {_quoted(one['asked_by'])}" if one["asked_by"] else ""
        until = f", until {_quoted(one['deadline'])}" if one["deadline"] else ""
        yield f"Request {_quoted(one['request'])}{by}{until}: sha256 `{one['digest']}`, recorded {one['recorded']}."
    if not asked["requests"]:
        yield "No request is recorded beside the settings; who asked is not known here."


def _done(done: Mapping[str, Any]) -> Iterator[str]:
    yield "## What was done"
    yield (
        f"{done['method']}; units of version {', '.join(done['versions'])}, code at {', '.join(done['revisions'])}. "
        f"Model {_quoted(done['model'])}, seed {done['seed']}, on {'; '.join(done['environments'])}."
    )
    if done["steps"]:
        yield markdown_table(
            [
                {
                    "step": str(step["step"]),
                    "subtracted": f"{step['forget_weight']:.3g}",
                    "added": f"{step['retain_weight']:.3g}",
                    "forget, tune split": f"{step['forget']:.3f}",
                    "verdict": "kept" if step["accepted"] else f"undone: {step['why']}",
                }
                for step in done["steps"]
            ]
        )
    yield f"The model taken is that after step {done['last_step']}." if done["last_step"] else "No step was kept."


def _measured(told: Mapping[str, Any]) -> Iterator[str]:
    yield "## What was measured before and after"
    if rows := metric_rows(told["measured"]):
        yield "On the report split, by which nothing was chosen; also with rounded weights, where a row says so."
        yield markdown_table(rows)
    else:
        yield "Nothing: the run ended before."
    if told["guards"]:
        yield "Targets of earlier requests:"
        yield markdown_table([{name: str(value) for name, value in guard.items()} for guard in told["guards"]])


def _durability(told: Mapping[str, Any]) -> Iterator[str]:
    yield "## What brings it back"
    if not told["durability"]:
        yield "Not tested."
        return
    for title, rows in durability_tables({"assessed": "unlearned", **told["durability"]}):
        yield f"### {title}"
        yield markdown_table(rows)


def _digests(told: Mapping[str, Any]) -> Iterator[str]:
    digests = told["digests"]
    before, after = digests["model_before"], digests["model_after"]
    rows = [_row(f"model before ({before['of']})", before["sha256"])] if before else []
    if after:
        rows += [_row(f"model after, {name}", digest) for name, digest in after["files"].items()]
        rows.append(_row("model after, manifest", after["manifest"]))
    rows += [
        _row(label, digests[name])
        for name, label in {"forget_set": "forget set", "search": "instructions of the search"}.items()
        if digests[name]
    ]
    yield "## Digests (sha256)"
    yield markdown_table(rows) if rows else "None: nothing was made."


def _purged(purges: list[Mapping[str, Any]]) -> Iterator[str]:
    yield "## Forget data"
    if not purges:
        yield "What the model wrote of the target is kept in the run's folder, readable by its owner alone."
        return
    yield (
        "What the model wrote of the target was overwritten and removed from the run's folder. Storage may hold older "
        "blocks, and copies made before are not reached. Instructions and adapters were kept."
    )
    rows = [
        {"file": name, "sha256": digest, "recorded": purge["time"]}
        for purge in purges
        for name, digest in purge["files"].items()
    ]
    yield markdown_table(rows)


def _quoted(text: str) -> str:
    """What a person has written, on one line and as it stands: it must not look like a part of the page."""
    line = " ".join(text.split()).replace("`", "'")
    return f"`{line}`"


def _row(what: str, value: str, name: str = "sha256") -> Row:
    return {"": what, name: value}
