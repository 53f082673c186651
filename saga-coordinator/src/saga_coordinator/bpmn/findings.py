"""What is wrong with a file, told by element, rule and line. `docs/lint-rules.md` explains every rule."""

from enum import StrEnum

import msgspec


class Rule(StrEnum):
    """Stable rule names."""

    MALFORMED_XML = "malformed-xml"
    NOT_BPMN = "not-bpmn"
    NO_PROCESS = "no-process"
    UNKNOWN_PROCESS = "unknown-process"
    AMBIGUOUS_PROCESS = "ambiguous-process"
    NOT_EXECUTABLE = "not-executable"
    UNSUPPORTED_ELEMENT = "unsupported-element"
    MISSING_ID = "missing-id"
    BAD_ID = "bad-id"
    DUPLICATE_ID = "duplicate-id"
    UNRESOLVED_REFERENCE = "unresolved-reference"

    DANGLING_FLOW = "dangling-flow"
    FLOW_CROSSES_BORDER = "flow-crosses-border"
    CONDITION_NOT_ALLOWED = "condition-not-allowed"
    LONE_CONDITION = "lone-condition"
    MISSING_CONDITION = "missing-condition"
    DEFAULT_NOT_OUTGOING = "default-not-outgoing"
    DEFAULT_NOT_ALLOWED = "default-not-allowed"
    MESSAGE_FLOW_INSIDE_POOL = "message-flow-inside-pool"
    MESSAGE_FLOW_END = "message-flow-end"

    NO_START_EVENT = "no-start-event"
    MULTIPLE_START_EVENTS = "multiple-start-events"
    UNREACHABLE = "unreachable"
    START_WITH_INCOMING = "start-with-incoming"
    START_WITHOUT_OUTGOING = "start-without-outgoing"
    END_WITH_OUTGOING = "end-with-outgoing"
    END_WITHOUT_INCOMING = "end-without-incoming"
    EVENT_WITHOUT_INCOMING = "event-without-incoming"
    EVENT_WITHOUT_OUTGOING = "event-without-outgoing"

    EVENT_NOT_ALLOWED = "event-not-allowed"
    MISSING_EVENT_DEFINITION = "missing-event-definition"
    MUST_INTERRUPT = "must-interrupt"
    MISSING_MESSAGE = "missing-message"
    MISSING_CORRELATION = "missing-correlation"
    MISSING_SIGNAL = "missing-signal"
    MISSING_ERROR_CODE = "missing-error-code"
    MISSING_ESCALATION_CODE = "missing-escalation-code"
    MISSING_TIMER = "missing-timer"
    BAD_TIMER = "bad-timer"
    MISSING_LINK_NAME = "missing-link-name"
    LINK_WITHOUT_PAIR = "link-without-pair"
    LINK_AMBIGUOUS = "link-ambiguous"
    LINK_WITH_FLOW = "link-with-flow"
    CANCEL_OUTSIDE_TRANSACTION = "cancel-outside-transaction"

    BOUNDARY_WITHOUT_HOST = "boundary-without-host"
    EVENT_TAKEN_TWICE = "event-taken-twice"
    BOUNDARY_WITH_INCOMING = "boundary-with-incoming"
    BOUNDARY_WITHOUT_OUTGOING = "boundary-without-outgoing"
    COMPENSATION_BOUNDARY_WITH_FLOW = "compensation-boundary-with-flow"
    COMPENSATION_WITHOUT_HANDLER = "compensation-without-handler"
    COMPENSATION_HANDLERS_CLASH = "compensation-handlers-clash"
    HANDLER_NOT_MARKED = "handler-not-marked"
    HANDLER_WITH_FLOW = "handler-with-flow"
    COMPENSATION_TARGET = "compensation-target"

    GATEWAY_DIRECTION = "gateway-direction"
    GATEWAY_WITHOUT_OUTGOING = "gateway-without-outgoing"
    EVENT_GATEWAY_OUTGOING = "event-gateway-outgoing"
    EVENT_GATEWAY_TARGET = "event-gateway-target"
    EVENT_GATEWAY_MIXED = "event-gateway-mixed"
    EVENT_GATEWAY_TARGET_INCOMING = "event-gateway-target-incoming"
    EVENT_GATEWAY_TARGET_BOUNDARY = "event-gateway-target-boundary"
    EVENT_GATEWAY_TYPE = "event-gateway-type"
    INSTANTIATE_WITH_INCOMING = "instantiate-with-incoming"

    SUB_PROCESS_START = "sub-process-start"
    EVENT_SUB_PROCESS_START = "event-sub-process-start"
    EVENT_SUB_PROCESS_WITH_FLOW = "event-sub-process-with-flow"
    LOOP_CHARACTERISTICS = "loop-characteristics"
    AD_HOC_CONTENT = "ad-hoc-content"

    MISSING_OPERATION = "missing-operation"
    UNKNOWN_OPERATION = "unknown-operation"
    MISSING_CALLED_ELEMENT = "missing-called-element"
    BAD_EXPRESSION = "bad-expression"
    BAD_EXTENSION = "bad-extension"
    MISPLACED_EXTENSION = "misplaced-extension"
    CLASS_CONTRADICTS_EFFECT = "class-contradicts-effect"
    MISSING_UNDO_BEFORE_PIVOT = "missing-undo-before-pivot"
    NOT_RETRIABLE_AFTER_PIVOT = "not-retriable-after-pivot"

    UNKNOWN_CALENDAR = "unknown-calendar"
    UNKNOWN_DECISION = "unknown-decision"
    NOT_DMN = "not-dmn"
    NO_DECISION = "no-decision"
    MISSING_DECISION_LOGIC = "missing-decision-logic"
    UNSUPPORTED_DECISION = "unsupported-decision"
    DECISION_CYCLE = "decision-cycle"
    BAD_HIT_POLICY = "bad-hit-policy"
    RULE_WIDTH = "rule-width"
    BAD_UNARY_TEST = "bad-unary-test"
    BAD_OUTPUT = "bad-output"
    UNKNOWN_TYPE = "unknown-type"


class Finding(msgspec.Struct, frozen=True, order=True):
    """One reason to refuse a file. `element` is an id (or the XML name where there is no id)."""

    line: int
    element: str
    rule: str
    message: str


class Refused(Exception):
    """The process cannot be deployed."""

    def __init__(self, findings: list[Finding]) -> None:
        super().__init__("; ".join(f"line {f.line}: {f.element}: {f.message} ({f.rule})" for f in findings))
        self.findings = findings


class Findings:
    """Collects findings while a file is read."""

    def __init__(self) -> None:
        self._found: set[Finding] = set()

    def add(self, rule: Rule, element: str, line: int, message: str) -> None:
        """Note one finding; the same one twice counts once."""
        self._found.add(Finding(line, element, rule.value, message))

    def has(self, *rules: Rule) -> bool:
        """Whether one of these rules was broken."""
        return any(finding.rule in rules for finding in self._found)

    def sorted(self) -> list[Finding]:
        """Everything found, by line."""
        return sorted(self._found)
