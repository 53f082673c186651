"""What must never be found: an effect twice, an undo twice or of nothing, an effect that should be gone.

Rules
- `repeated-effect`     one hub key created several documents (whatever became of them)
- `double-effect`       one hub key has several documents that stand
- `undo-without-effect` a document was cancelled that was never created
- `repeated-undo`       a document was cancelled that was cancelled already
- `books-disagree`      a document's state is not what its ledger says
- `effect-missing`      a completed order lacks a document that stands
- `effect-repeated`     a completed order has several documents of a kind that stand
- `effect-left`         an undone order has a document that stands
- `undone-by-mistake`   a completed order has a cancelled document
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from .books import CRM_ORDER, DELIVERY, RESERVATION, SALES_ORDER, Books, Document, Entry

COMPLETED, UNDONE = "completed", "undone"
EXPECTED_KINDS = (SALES_ORDER, RESERVATION, DELIVERY)
_STEPS = {"create": 1, "reopen": 1, "cancel": -1}


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong."""

    rule: str
    system: str
    key: str
    message: str


def check_exactly_once(books: Books) -> list[Finding]:
    """Each effect of a hub key exactly once, and every undo exactly once."""
    by_document: dict[tuple[str, str], list[Entry]] = defaultdict(list)
    for entry in books.entries:
        if entry.kind != CRM_ORDER and entry.action in _STEPS:
            by_document[entry.system, entry.document].append(entry)
    found = [finding for entries in by_document.values() for finding in _check_document(entries)]
    found += _check_hub_keys(books)
    found += _check_states(books, by_document)
    return found


def check_expected(books: Books, outcomes: Mapping[str, str], kinds: Collection[str] = EXPECTED_KINDS) -> list[Finding]:
    """Compares the books with what became of each business key: `completed` (each kind stands exactly once and nothing
    was cancelled) or `undone` (nothing stands)."""
    by_key: dict[str, list[Document]] = defaultdict(list)
    for document in books.documents:
        if document.kind != CRM_ORDER:
            for key in document.keys & outcomes.keys():
                by_key[key].append(document)
    found: list[Finding] = []
    for key, outcome in outcomes.items():
        if outcome not in (COMPLETED, UNDONE):
            raise ValueError(f"the outcome of {key} must be {COMPLETED} or {UNDONE}, not {outcome}")
        check = _check_undone(key, by_key[key]) if outcome == UNDONE else _check_completed(key, by_key[key], kinds)
        found += check
    return found


def _check_document(entries: list[Entry]) -> Iterator[Finding]:
    standing = 0
    for entry in entries:
        if entry.action == "cancel" and standing == 0:
            never = not any(earlier.action == "create" for earlier in entries)
            rule = "undo-without-effect" if never else "repeated-undo"
            yield Finding(rule, entry.system, entry.hub_key, f"{entry.document} was cancelled but did not stand")
        standing = max(0, min(1, standing + _STEPS[entry.action]))


def _check_hub_keys(books: Books) -> Iterator[Finding]:
    # an operation creates one kind of document; the same hub key in another system is another matter
    created: dict[tuple[str, str, str], list[str]] = defaultdict(list)
    for entry in books.entries:
        if entry.action == "create" and entry.hub_key and entry.kind != CRM_ORDER:
            created[entry.system, entry.kind, entry.hub_key].append(entry.document)
    standing = {(document.system, document.id) for document in books.documents if document.stands}
    for (system, kind, key), documents in created.items():
        if len(documents) > 1:
            yield Finding(
                "repeated-effect", system, key, f"created {len(documents)} times: {kind} {', '.join(documents)}"
            )
        still = [document for document in documents if (system, document) in standing]
        if len(still) > 1:
            yield Finding("double-effect", system, key, f"stands {len(still)} times: {kind} {', '.join(still)}")


def _check_states(books: Books, by_document: Mapping[tuple[str, str], list[Entry]]) -> Iterator[Finding]:
    for document in books.documents:
        if document.kind == CRM_ORDER:
            continue
        steps = Counter(entry.action for entry in by_document.get((document.system, document.id), []))
        stands = steps["create"] + steps["reopen"] - steps["cancel"] > 0
        if stands != document.stands:
            message = f"{document.id} is {document.state}, its ledger says {dict(steps)}"
            yield Finding("books-disagree", document.system, document.hub_key, message)


def _check_completed(key: str, documents: list[Document], kinds: Collection[str]) -> Iterator[Finding]:
    for kind in kinds:
        standing = [document for document in documents if document.kind == kind and document.stands]
        if len(standing) != 1:
            rule = "effect-repeated" if standing else "effect-missing"
            yield Finding(rule, "", key, f"completed, but {len(standing)} documents of kind {kind} stand")
    for document in documents:
        if not document.stands:
            yield Finding("undone-by-mistake", document.system, key, f"completed, but {document.id} is cancelled")


def _check_undone(key: str, documents: list[Document]) -> Iterator[Finding]:
    for document in documents:
        if document.stands:
            yield Finding("effect-left", document.system, key, f"undone, but {document.kind} {document.id} stands")
