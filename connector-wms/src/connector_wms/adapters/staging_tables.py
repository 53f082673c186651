"""A WMS that takes messages by staging tables in SQL.

A create writes one message, whose id is the hub key (with a number where an earlier message of the same key was refused
or withdrawn), so that it cannot be written twice. An unanswered message is withdrawn when the call's time is over, so
that "in time or certainly not" is known here and not guessed.
"""

import time
from contextlib import suppress

import msgspec
from sqlalchemy import Table, create_engine, make_url

from connector_wms.adapters.staging_messages import Answer, Document, Messages, Status, Taken
from connector_wms.adapters.staging_schema import CANCEL_IN, DELIVERY_IN, RESERVATION_IN
from service_kit.connector.call import Call
from service_kit.connector.mapping import Mappings
from service_kit.connector.outcomes import NotApplied, Refused
from service_kit.connector.sending import before_sending
from service_kit.connector.systems import System
from service_kit.ids import derived_id
from service_kit.messages import Completed, Probed, ProbeVerdict

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
        self._messages = Messages(self._engine)
        self._mappings = mappings

    def close(self) -> None:
        """Release the connections."""
        self._engine.dispose()

    def reserve_stock(self, call: Call) -> Completed:
        """Hold stock back; refused as OUT_OF_STOCK where there is too little."""
        return self._create(RESERVATION, call)

    def probe_reserve_stock(self, call: Call) -> Probed:
        """Find the reservation by hub key."""
        return self._probe(RESERVATION, call)

    def release_reservation(self, call: Call) -> Completed:
        """Give reserved stock back."""
        return self._cancel(RESERVATION, call)

    def create_outbound_delivery(self, call: Call) -> Completed:
        """Tell the warehouse to deliver what was reserved."""
        return self._create(DELIVERY, call)

    def probe_create_outbound_delivery(self, call: Call) -> Probed:
        """Find the delivery by hub key."""
        return self._probe(DELIVERY, call)

    def cancel_outbound_delivery(self, call: Call) -> Completed:
        """Cancel a delivery whose goods have not left."""
        return self._cancel(DELIVERY, call)

    def _create(self, kind: Kind, call: Call) -> Completed:
        deadline = time.monotonic() + call.timeout
        # Messages before documents: a message that is answered in between shows as a document, or is waited for.
        sent = self._messages.sent(kind.table, call.hub_key)
        standing = self._standing(kind, call)
        if standing:
            return self._completed(kind, standing[0])
        waiting = [answer.message for answer in sent if answer.status is Status.NEW]
        message = waiting[0] if waiting else self._post(kind, call, len(sent))
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

    def _cancel(self, kind: Kind, call: Call) -> Completed:
        deadline = time.monotonic() + call.timeout
        document = self._document(kind, call.input["number"])
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
        receipt = self._mappings.apply(kind.receipt, msgspec.to_builtins(document))
        return Completed(output=receipt, references={kind.reference: document.number})

    def _refusal(self, answer: Answer) -> Exception:
        meaning: str = self._mappings.table("refusals").get(answer.code or "", "REFUSED")
        if meaning == RETRY:
            return NotApplied(f"{answer.code}: {answer.text or ''}", LOCKED_PAUSE)
        return Refused(meaning, answer.text or "", {"vendorCode": answer.code})
