"""A night on one page."""

from typing import Any


def night_markdown(record: dict[str, Any]) -> str:
    """The record of a night for a person: what was audited, released, published and refused."""
    model = record["model"]
    page = [
        f"# Night {record['night']}",
        f"{record['outcome']}.",
        f"In production: version {model['version']}, made by {model['run'] or 'others'}, `{model['digest'][:12]}`"
        + (", changed in place since it was published." if record["model_changed"] else "."),
    ]
    if record["audited"]:
        page += ["## Audited", "| request | forget metric | limit | saved | fresh | leaks |\n|---|---|---|---|---|---|"]
        page[-1] += "".join(
            f"\n| {one['request']} | {one['forget']:.3f} | {one['limit']:g} | {one['saved']['usable']:.3f} "
            f"| {one['fresh']['usable']:.3f} | {'; '.join(one['leaks']) or 'no'}{' (as before)' * one['reused']} |"
            for one in record["audited"]
        )
    if record["released"]:
        page += ["## Released", "| request | why | run | verdict | reasons |\n|---|---|---|---|---|"]
        page[-1] += "".join(
            f"\n| {one['request']} | {one['why']} | {one['run']} | {one['verdict']} | {'; '.join(one['reasons'])} |"
            for one in record["released"]
        )
    page += [f"- refused: {sentence}" for sentence in record["refused"].values()]
    return "\n\n".join(page) + "\n"
