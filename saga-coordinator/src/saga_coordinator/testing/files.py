"""Small BPMN files for tests."""

import itertools

HERE = "<!-- here -->"
_HEAD = """<definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL" xmlns:tl="urn:throughline:bpmn:1"
  id="definitions" targetNamespace="urn:test">
<message id="m1" name="goods.arrived"/>
<signal id="s1" name="alarm"/>
<error id="e1" errorCode="REFUSED"/>
<error id="e2"/>
<escalation id="c1" escalationCode="SLOW"/>
"""


def file(*processes: str, root: str = "") -> bytes:
    """A file with these processes (whole elements)."""
    return (_HEAD + root + "\n".join(processes) + "\n</definitions>").encode()


def process(body: str, root: str = "", attributes: str = 'isExecutable="true"') -> bytes:
    """A file with the process `p` of this body."""
    return file(f'<process id="p" {attributes}>\n{body}\n</process>', root=root)


def flow(source: str, target: str, inside: str = "", id_: str = "") -> str:
    """A sequence flow, by default named `source-target`."""
    ends = f'id="{id_ or f"{source}-{target}"}" sourceRef="{source}" targetRef="{target}"'
    return f"<sequenceFlow {ends}>{inside}</sequenceFlow>"


def chain(*ids: str) -> str:
    """Flows from each to the next."""
    return "\n".join(flow(a, b) for a, b in itertools.pairwise(ids))


def around(middle: str, *ids: str) -> bytes:
    """A process `start -> ids... -> end` with the nodes of `middle` in between."""
    return process(f'<startEvent id="start"/>\n{middle}\n<endEvent id="end"/>\n{chain("start", *ids, "end")}')


def line_of(xml: bytes) -> int:
    """The line with the mark `HERE`."""
    return next(n for n, text in enumerate(xml.decode().splitlines(), 1) if HERE in text)


def service(id_: str, operation: str = "erp.read-order", attributes: str = "", inside: str = "") -> str:
    """A service task with an operation."""
    extension = f'<extensionElements><tl:operation name="{operation}"/>{inside}</extensionElements>'
    return f'<serviceTask id="{id_}" {attributes}>{extension}</serviceTask>'
