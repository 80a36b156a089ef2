"""A night on one page."""

from typing import Any

from tasks.report.tables import markdown_table


def night_markdown(record: dict[str, Any]) -> str:
    """The record of a night for a person: what was audited, released, published and refused."""
    model = record["model"]
    changed = ", changed in place since it was published" * record["model_changed"]
    made_by = f"run `{model['run']}`" if model["run"] else "others"
    page = [
        f"# Night {record['night']}",
        f"{record['outcome']}.",
        f"In production: version {model['version']}, made by {made_by}, digest `{model['digest'][:12]}`{changed}.",
    ]
    if audited := [_audit_row(one) for one in record["audited"]]:
        page += ["## Audited", markdown_table(audited)]
    if released := [_release_row(one) for one in record["released"]]:
        page += ["## Released", markdown_table(released)]
    refused = [*record["refused"].values(), *record["unaudited"].values()]
    page += [f"- {sentence}" for sentence in refused]
    return "\n\n".join(page) + "\n"


def _audit_row(one: dict[str, Any]) -> dict[str, str]:
    return {
        "request": one["request"],
        "forget metric": f"{one['forget']:.3f}",
        "limit": f"{one['limit']:g}",
        "yield, saved instructions": f"{one['saved']['usable']:.3f}",
        "yield, fresh search": f"{one['fresh']['usable']:.3f}",
        "leaks": "; ".join(one["leaks"]) or "no",
        "audited": "before, the same model" if one["reused"] else "tonight",
    }


def _release_row(one: dict[str, Any]) -> dict[str, str]:
    return {name: one[name] for name in ("request", "why", "run", "verdict")} | {"reasons": "; ".join(one["reasons"])}
