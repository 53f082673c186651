"""A BPMN file as objects that rules can walk over: levels, parts, flows and definitions, not yet judged.

A level is the inside of a process or sub-process. Nothing here refuses anything except what makes reading impossible.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from saga_coordinator.bpmn.findings import Findings, Rule
from saga_coordinator.bpmn.xmltree import BPMN, TL, Node
from saga_coordinator.engine.process import Kind, Trigger

_KINDS = {kind.value: kind for kind in Kind} | {"adHocSubProcess": Kind.SUB_PROCESS}
FLOW_NODES = frozenset(_KINDS) | {"complexGateway"}
ACTIVITIES = frozenset(
    {
        Kind.TASK, Kind.MANUAL_TASK, Kind.SERVICE_TASK, Kind.SEND_TASK, Kind.SCRIPT_TASK, Kind.USER_TASK,
        Kind.RECEIVE_TASK, Kind.BUSINESS_RULE_TASK, Kind.SUB_PROCESS, Kind.TRANSACTION, Kind.CALL_ACTIVITY,
    }
)  # fmt: skip
GATEWAYS = frozenset({Kind.EXCLUSIVE_GATEWAY, Kind.PARALLEL_GATEWAY, Kind.INCLUSIVE_GATEWAY, Kind.EVENT_GATEWAY, None})
EVENTS = frozenset({Kind.START_EVENT, Kind.END_EVENT, Kind.CATCH_EVENT, Kind.THROW_EVENT, Kind.BOUNDARY_EVENT})
SUB_PROCESSES = frozenset({Kind.SUB_PROCESS, Kind.TRANSACTION})
_DEFINITION = "EventDefinition"
_TRIGGERS = {f"{trigger.value}{_DEFINITION}": trigger for trigger in Trigger if trigger is not Trigger.NONE}
LOOPS = ("standardLoopCharacteristics", "multiInstanceLoopCharacteristics")


@dataclass(slots=True, eq=False)
class FlowPart:
    """A sequence flow whose two ends exist."""

    node: Node
    source: "Part"
    target: "Part"

    @property
    def id(self) -> str:
        """Its id."""
        return self.node.id

    @property
    def condition(self) -> Node | None:
        """Its condition expression."""
        return self.node.first("conditionExpression")


@dataclass(slots=True, eq=False)
class Part:
    """A flow node. `kind` is None for one that the model has no word for (a complex gateway)."""

    node: Node
    kind: Kind | None
    level: "Level"
    definitions: list[tuple[Trigger, Node]] = field(default_factory=list)
    incoming: list[FlowPart] = field(default_factory=list)
    outgoing: list[FlowPart] = field(default_factory=list)
    boundary: list["Part"] = field(default_factory=list)
    handlers: list["Part"] = field(default_factory=list)
    host: "Part | None" = None
    inside: "Level | None" = None

    @property
    def id(self) -> str:
        """Its id."""
        return self.node.id

    @property
    def trigger(self) -> Trigger:
        """What it waits for or throws (the first definition)."""
        return self.definitions[0][0] if self.definitions else Trigger.NONE

    @property
    def definition(self) -> Node | None:
        """The XML of its (first) event definition."""
        return self.definitions[0][1] if self.definitions else None

    @property
    def is_activity(self) -> bool:
        """Whether it is a task, sub-process or call activity."""
        return self.kind in ACTIVITIES

    @property
    def is_event_sub_process(self) -> bool:
        """Whether an event starts it, and not a token."""
        return self.kind in SUB_PROCESSES and self.node.flag("triggeredByEvent")

    @property
    def is_for_compensation(self) -> bool:
        """Whether it is a compensation activity."""
        return self.is_activity and self.node.flag("isForCompensation")

    @property
    def interrupting(self) -> bool:
        """For a boundary event, or the start event of an event sub-process."""
        return self.node.flag("cancelActivity" if self.kind is Kind.BOUNDARY_EVENT else "isInterrupting", True)

    @property
    def instantiates(self) -> bool:
        """Whether it is a receive task or event-based gateway that begins instances."""
        return self.kind in {Kind.RECEIVE_TASK, Kind.EVENT_GATEWAY} and self.node.flag("instantiate")

    @property
    def begins_without_incoming(self) -> bool:
        """Whether it gets a token when its level begins and nothing leads to it (BPMN 13.3.4)."""
        return (
            (self.is_activity or self.kind in GATEWAYS)
            and not self.is_for_compensation
            and not (self.is_event_sub_process or self.instantiates)
        )

    def extension(self, name: str) -> Iterator[Node]:
        """`tl` elements of that name."""
        for holder in self.node.bpmn("extensionElements"):
            yield from (child for child in holder.children if child.namespace == TL and child.name == name)


@dataclass(slots=True, eq=False)
class Level:
    """The inside of a process (`owner` None) or of a sub-process."""

    node: Node
    owner: Part | None
    parts: list[Part] = field(default_factory=list)

    def of(self, *kinds: Kind) -> list[Part]:
        """Its parts of these kinds, in file order."""
        return [part for part in self.parts if part.kind in kinds]

    @property
    def starts(self) -> list[Part]:
        """What begins it: start events and instantiating parts."""
        return [part for part in self.parts if part.kind is Kind.START_EVENT or part.instantiates]

    @property
    def listeners(self) -> list[Part]:
        """The start events of its event sub-processes."""
        inside = [part.inside for part in self.parts if part.is_event_sub_process and part.inside is not None]
        return [start for level in inside for start in level.of(Kind.START_EVENT)]

    @property
    def implicit_starts(self) -> list[Part]:
        """Activities and gateways to which nothing leads."""
        return [part for part in self.parts if part.begins_without_incoming and not part.incoming]

    def inside_transaction(self) -> bool:
        """Whether it is a transaction's inside, at any depth."""
        owner = self.owner
        while owner is not None:
            if owner.kind is Kind.TRANSACTION:
                return True
            owner = owner.level.owner
        return False


@dataclass(slots=True, eq=False)
class Diagram:
    """One process of a file. `levels` are outermost first; `unresolved` holds the sequence flows with a missing end.
    `descriptive`: it says that it is not for execution, and is tolerated without what only execution needs."""

    root: Node
    process: Node
    levels: list[Level] = field(default_factory=list)
    parts: dict[str, Part] = field(default_factory=dict)
    flows: list[FlowPart] = field(default_factory=list)
    unresolved: list[Node] = field(default_factory=list)
    globals: dict[str, Node] = field(default_factory=dict)
    strangers: list[Node] = field(default_factory=list)
    tolerant: bool = False
    descriptive: bool = False

    def referred(self, reference: str | None) -> Node | None:
        """The root element (message, error, ...) that a QName refers to."""
        if not reference:
            return None
        return self.globals.get(reference) or self.globals.get(reference.rpartition(":")[2])

    def part(self, reference: str | None) -> Part | None:
        """The flow node that a QName refers to."""
        if not reference:
            return None
        return self.parts.get(reference) or self.parts.get(reference.rpartition(":")[2])


def processes(root: Node) -> list[Node]:
    """The processes of a file, in file order."""
    return list(root.bpmn("process"))


def read(root: Node, process: Node, findings: Findings, *, tolerant: bool = False) -> Diagram:
    """Read one process of a file."""
    diagram = Diagram(root, process, tolerant=tolerant)
    diagram.descriptive = tolerant and process.get("isExecutable") == "false"
    diagram.globals = {child.id: child for child in root.bpmn() if child.id}
    flows: list[Node] = []
    associations: list[Node] = []
    _read_level(diagram, process, None, flows, associations, findings)
    for node in flows:
        _connect(diagram, node)
    for part in diagram.parts.values():
        part.host = diagram.part(part.node.get("attachedToRef")) if part.kind is Kind.BOUNDARY_EVENT else None
        if part.host is not None:
            part.host.boundary.append(part)
    for node in [*associations, *(n for c in root.bpmn("collaboration") for n in c.bpmn("association"))]:
        _associate(diagram, node)
    return diagram


def _read_level(
    diagram: Diagram, node: Node, owner: Part | None, flows: list[Node], associations: list[Node], findings: Findings
) -> Level:
    level = Level(node, owner)
    diagram.levels.append(level)
    for child in node.bpmn():
        if child.name == "sequenceFlow":
            flows.append(child)
        elif child.name == "association":
            associations.append(child)
        elif child.name in FLOW_NODES:
            part = _read_part(diagram, child, level, findings)
            if child.name in {"subProcess", "transaction", "adHocSubProcess"}:
                part.inside = _read_level(diagram, child, part, flows, associations, findings)
        elif child.name not in _DOCUMENTATION:
            diagram.strangers.append(child)
    return level


_DOCUMENTATION = frozenset(
    {
        "documentation", "extensionElements", "auditing", "monitoring", "property", "laneSet", "textAnnotation",
        "group", "dataObject", "dataObjectReference", "dataStoreReference", "ioSpecification", "ioBinding",
        "dataInputAssociation", "dataOutputAssociation", "resourceRole", "performer", "humanPerformer",
        "potentialOwner", "correlationSubscription", "supports", "supportedInterfaceRef", "incoming", "outgoing",
        "standardLoopCharacteristics", "multiInstanceLoopCharacteristics", "completionCondition", "artifact",
        "dataStore", "dataState", "category",
    }
)  # fmt: skip


def _read_part(diagram: Diagram, node: Node, level: Level, findings: Findings) -> Part:
    if not node.id:
        if not diagram.tolerant:
            findings.add(Rule.MISSING_ID, node.name, node.line, f"a {node.name} needs an id")
        node.attributes["id"] = f"{node.name}@{node.line}"
    part = Part(node, _KINDS.get(node.name), level)
    if part.kind in EVENTS:
        part.definitions = list(_definitions(diagram, node, findings))
    level.parts.append(part)
    diagram.parts.setdefault(node.id, part)
    return part


def _definitions(diagram: Diagram, node: Node, findings: Findings) -> Iterator[tuple[Trigger, Node]]:
    for child in node.bpmn():
        definition: Node | None = child
        if child.name == "eventDefinitionRef":
            definition = diagram.referred(child.text)
            if definition is None or definition.name not in _TRIGGERS:
                findings.add(
                    Rule.UNRESOLVED_REFERENCE, node.id, child.line, f"there is no event definition {child.text!r}"
                )
                continue
        if definition is not None and definition.name in _TRIGGERS:
            yield _TRIGGERS[definition.name], definition


def _connect(diagram: Diagram, node: Node) -> None:
    _name_flow(diagram, node)
    source, target = diagram.part(node.get("sourceRef")), diagram.part(node.get("targetRef"))
    if source is None or target is None:
        diagram.unresolved.append(node)
        return
    flow = FlowPart(node, source, target)
    source.outgoing.append(flow)
    target.incoming.append(flow)
    diagram.flows.append(flow)


def _name_flow(diagram: Diagram, node: Node) -> None:
    """What nobody refers to needs no id (BPMN 8.3.1), but the engine wants to say which way a token went."""
    if not node.id:
        name = f"{node.get('sourceRef')}->{node.get('targetRef')}"
        alike = sum(1 for flow in diagram.flows if flow.id.partition("#")[0] == name)
        node.attributes["id"] = f"{name}#{alike + 1}" if alike else name


def _associate(diagram: Diagram, node: Node) -> None:
    ends = [diagram.part(node.get("sourceRef")), diagram.part(node.get("targetRef"))]
    for event, other in (ends, ends[::-1]):
        if event is None or other is None or event.kind is not Kind.BOUNDARY_EVENT or not other.is_activity:
            continue
        if event.trigger is Trigger.COMPENSATE and other is not event.host and other not in event.handlers:
            event.handlers.append(other)


def model_nodes(root: Node) -> Iterator[Node]:
    """Every element of the BPMN model namespace, in file order."""
    return (node for node in root.walk() if node.namespace == BPMN)
