"""Pages of changes in every form: HTML, Markdown, text for a terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from opsbook.documents.blocks import Page
from opsbook.documents.changes.dossier import dossier_page
from opsbook.documents.changes.explain import explain_page
from opsbook.documents.page import Form, Language, render_page
from opsbook.documents.terminal import columns, lay_out
from opsbook.documents.words import Words, table, zone_of

AnyForm = Literal["md", "html", "text"]


def explain(
    plan_or_dossier: Mapping[str, Any],
    form: AnyForm,
    language: Language,
    *,
    missing: Sequence[Any] = (),
    full: bool = False,
    width: int = 0,
) -> str:
    """The page an approver needs, of a plan (``opsbook.plan/1``) or a dossier.

    ``missing``: who has yet to sign, as messages. ``full``: every line and host, for ``plan
    show``. ``width``: columns of the form text, 0 for those of the terminal.
    """
    dossier = _as_dossier(plan_or_dossier)
    words = Words(language, zone_of(_zone(dossier)))
    return _laid_out(explain_page(dossier, words, missing, full=full), form, words, width)


def render_change(
    dossier: Mapping[str, Any],
    records: Sequence[Mapping[str, Any]],
    form: AnyForm,
    language: Language,
    *,
    width: int = 0,
) -> str:
    """The page of a change: ``dossier`` (``opsbook.change/1``) and the records of its runs."""
    words = Words(language, zone_of(_zone(dossier)))
    return _laid_out(dossier_page(dossier, records, words), form, words, width)


def _zone(dossier: Mapping[str, Any]) -> Any:
    return table(dossier, "plan", "estate").get("timezone")


def _as_dossier(plan: Mapping[str, Any]) -> Mapping[str, Any]:
    """A plan alone has a digest all the same: it is computed from its canonical form."""
    plan = table(plan)
    if "plan" in plan:
        return plan
    from opsbook.model.canonical import digest

    try:
        made = digest(dict(plan))
    except (ValueError, TypeError, RecursionError):
        made = ""
    return {"change": plan.get("change"), "plan": plan, "plan_digest": made}


def _laid_out(page: Page, form: AnyForm, words: Words, width: int) -> str:
    if form == "text":
        return lay_out(page, words, width or columns())
    return render_page(page, _document(form))


def _document(form: str) -> Form:
    return "html" if form == "html" else "md"
