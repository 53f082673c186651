"""A WMS that takes messages by staging tables in SQL.

A create writes one message, whose id is the hub key (with a number where an earlier message of the same key was refused
or withdrawn), so that it cannot be written twice. An unanswered message is withdrawn when the call's time is over, so
that "in time or certainly not" is known here and not guessed.

A warehouse that works in shifts takes its time: with the option `accept_after` (seconds) a delivery that is not
answered by then stays written, counts as accepted under its message's id, and its answer is looked for later.
"""

import time
from contextlib import suppress
from typing import Any

import msgspec
from sqlalchemy import Table, create_engine, make_url

from connector_wms.adapters.staging_messages import Answer, Document, Gone, Messages, Status, Taken
from connector_wms.adapters.staging_schema import CANCEL_IN, DELIVERY_IN, RESERVATION_IN
from service_kit.connector.call import Call
from service_kit.connector.mapping import Mappings
from service_kit.connector.outcomes import NotApplied, Refused
from service_kit.connector.sending import before_sending
from service_kit.connector.systems import System, SystemsError
from service_kit.ids import derived_id
from service_kit.messages import Accepted, Completed, Probed, ProbeVerdict

CANCELLED = "CANCELLED"
ALREADY_CANCELLED = "ALREADY_CANCELLED"
RETRY = "RETRY"
LOCKED_PAUSE = 5.0
BUSY_TIMEOUT = 10  # seconds that a writer waits for another one (SQLite)


class Kind(msgspec.Struct, frozen=True):
    """A kind of document: the table its messages go to, and the names of its mappings."""

    name: str
    table: Table
    reference: str
    message: str
    receipt: str


RESERVATION = Kind("RESERVATION", RESERVATION_IN, "reservation", "reservation", "reservation-receipt")
DELIVERY = Kind("DELIVERY", DELIVERY_IN, "delivery", "delivery", "delivery-receipt")


class StagingTables:
    """The operations of `wms` on one system."""

    def __init__(self, system: System, mappings: Mappings) -> None:
        url = make_url(system.address)
        if "user" in system.credentials:
            url = url.set(username=system.credentials["user"], password=system.credentials.get("password"))
        arguments = {"timeout": BUSY_TIMEOUT} if url.get_backend_name() == "sqlite" else {}
        self._engine = create_engine(url, connect_args=arguments, pool_size=system.concurrency, pool_pre_ping=True)
        self._accept_after = _seconds(system, "accept_after")
        self._messages = Messages(self._engine)
        self._mappings = mappings

    def close(self) -> None:
        """Release the connections."""
        self._engine.dispose()

    def reserve_stock(self, call: Call) -> Completed:
        """Hold stock back; refused as OUT_OF_STOCK where there is too little."""
        deadline = time.monotonic() + call.timeout
        written = self._written(RESERVATION, call)
        return self._answered(RESERVATION, written, deadline) if isinstance(written, str) else written

    def probe_reserve_stock(self, call: Call) -> Probed:
        """Find the reservation by hub key."""
        return self._probe(RESERVATION, call)

    def release_reservation(self, call: Call) -> Completed:
        """Give reserved stock back."""
        return self._cancel(RESERVATION, call, call.input["number"])

    def create_outbound_delivery(self, call: Call) -> Completed | Accepted:
        """Tell the warehouse to deliver what was reserved."""
        deadline = time.monotonic() + call.timeout
        written = self._written(DELIVERY, call)
        if not isinstance(written, str):
            return written
        if self._accept_after is not None:
            soon = min(deadline, time.monotonic() + self._accept_after)
            if self._messages.found(DELIVERY.table, written, soon).status is Status.NEW:
                return Accepted(reference=written)
        return self._answered(DELIVERY, written, deadline)

    def result_create_outbound_delivery(self, call: Call) -> Completed | Accepted:
        """What became of a delivery that the warehouse took its time for."""
        answer = self._messages.found(DELIVERY.table, call.previous or call.hub_key)
        if answer.status is Status.NEW:
            return Accepted(reference=answer.message)
        try:
            return self._completed(DELIVERY, self._document(DELIVERY, self._processed(answer)))
        except NotApplied as error:  # the message is over, and nothing comes of it any more
            raise Refused("REFUSED", error.reason, {"vendorCode": answer.code}) from error

    def probe_create_outbound_delivery(self, call: Call) -> Probed:
        """Find the delivery by hub key."""
        return self._probe(DELIVERY, call)

    def cancel_outbound_delivery(self, call: Call) -> Completed:
        """Cancel a delivery whose goods have not left; of one that is only accepted, its message is withdrawn."""
        if "number" in call.input:
            return self._cancel(DELIVERY, call, call.input["number"])
        before_sending()
        answer = self._withdrawn(call.input["reference"])
        if answer.document is None or answer.status is not Status.PROCESSED:  # it never became a delivery
            never = Document(DELIVERY.name, answer.message, call.hub_key, CANCELLED)
            return Completed(output=self._receipt(DELIVERY, never))
        return self._cancel(DELIVERY, call, answer.document)

    def _withdrawn(self, message: str) -> Answer:
        try:
            return self._messages.withdraw(DELIVERY.table, message)
        except Gone as error:
            raise Refused("DOCUMENT_UNKNOWN", f"the WMS has no message {message}") from error

    def _written(self, kind: Kind, call: Call) -> Completed | str:
        """The document, if there is one by now; else the id of the message that asks for it."""
        # Messages before documents: a message that is answered in between shows as a document, or is waited for.
        sent = self._messages.sent(kind.table, call.hub_key)
        standing = self._standing(kind, call)
        if standing:
            return self._completed(kind, standing[0])
        waiting = [answer.message for answer in sent if answer.status is Status.NEW]
        return waiting[0] if waiting else self._post(kind, call, len(sent))

    def _answered(self, kind: Kind, message: str, deadline: float) -> Completed:
        answer = self._messages.answer(kind.table, message, deadline)
        return self._completed(kind, self._document(kind, self._processed(answer)))

    def _post(self, kind: Kind, call: Call, earlier: int) -> str:
        """Write the call's message, after `earlier` ones that made no document; its id."""
        message = f"{call.hub_key}-{earlier + 1}" if earlier else call.hub_key
        lines = self._mappings.apply(kind.message, call.input, businessKey=call.business_key)
        before_sending()
        with suppress(Taken):  # the same call is under way elsewhere: its message is as good as ours
            self._messages.post(kind.table, message, [{"hub_key": call.hub_key, **line} for line in lines])
        return message

    def _cancel(self, kind: Kind, call: Call, number: str) -> Completed:
        deadline = time.monotonic() + call.timeout
        document = self._document(kind, number)
        if document.state == CANCELLED:
            return self._completed(kind, document)
        message = derived_id(call.command, document.number)
        row = {"hub_key": document.hub_key, "doc_type": kind.name, "target_no": document.number}
        before_sending()
        with suppress(Taken):
            self._messages.post(CANCEL_IN, message, [{**row, "reason": call.input.get("reason", "undone")[:80]}])
        answer = self._messages.answer(CANCEL_IN, message, deadline)
        if answer.code != ALREADY_CANCELLED:
            self._processed(answer)
        return self._completed(kind, self._document(kind, document.number))

    def _probe(self, kind: Kind, call: Call) -> Probed:
        # Messages before documents, as above: the other way round, one that is answered in between shows nowhere.
        waits = any(answer.status is Status.NEW for answer in self._messages.sent(kind.table, call.hub_key))
        standing = self._standing(kind, call)
        if len(standing) > 1:
            return Probed(verdict=ProbeVerdict.SEVERAL, documents=[document.number for document in standing])
        if standing:
            found = self._completed(kind, standing[0])
            return Probed(verdict=ProbeVerdict.APPLIED, output=found.output, references=found.references)
        return Probed(verdict=ProbeVerdict.PENDING if waits else ProbeVerdict.ABSENT)

    def _standing(self, kind: Kind, call: Call) -> list[Document]:
        """The documents with this hub key that were not undone."""
        found = self._messages.documents(kind.name, call.hub_key)
        return [document for document in found if document.state != CANCELLED]

    def _document(self, kind: Kind, number: str) -> Document:
        document = self._messages.document(kind.name, number)
        if document is None:
            raise Refused("DOCUMENT_UNKNOWN", f"the WMS has no {kind.reference} {number}")
        return document

    def _processed(self, answer: Answer) -> str:
        """The number of the document that a message made or changed."""
        if answer.status is Status.WITHDRAWN:
            raise NotApplied("the WMS did not take the message in time; it was withdrawn")
        if answer.status is not Status.PROCESSED or answer.document is None:
            raise self._refusal(answer)
        return answer.document

    def _completed(self, kind: Kind, document: Document) -> Completed:
        return Completed(output=self._receipt(kind, document), references={kind.reference: document.number})

    def _receipt(self, kind: Kind, document: Document) -> Any:
        return self._mappings.apply(kind.receipt, msgspec.to_builtins(document))

    def _refusal(self, answer: Answer) -> Exception:
        meaning: str = self._mappings.table("refusals").get(answer.code or "", "REFUSED")
        if meaning == RETRY:
            return NotApplied(f"{answer.code}: {answer.text or ''}", LOCKED_PAUSE)
        return Refused(meaning, answer.text or "", {"vendorCode": answer.code})


def _seconds(system: System, option: str) -> float | None:
    value = system.options.get(option)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
        raise SystemsError(f"systems.{system.name}.options.{option}: {value!r} is no number of seconds")
    return float(value)
