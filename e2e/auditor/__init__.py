"""The auditor: reads the books of the simulated business systems, and nothing else, and says what is wrong with them.

It needs only the standard library. Tests import it as `e2e.auditor`; a program that is started from the checkout's root
puts the folder `e2e` on its path and imports `auditor`.
"""

from .books import Books, Document, Entry, fetch_books, read_books
from .effects import CrmEffects, Effects, ErpEffects, WmsEffects, effects
from .findings import Finding, check_exactly_once, check_expected

__all__ = [
    "Books",
    "CrmEffects",
    "Document",
    "Effects",
    "Entry",
    "ErpEffects",
    "Finding",
    "WmsEffects",
    "check_exactly_once",
    "check_expected",
    "effects",
    "fetch_books",
    "read_books",
]
