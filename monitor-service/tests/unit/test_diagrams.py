"""Names and kinds of elements, read from a diagram."""

import pytest

from monitor_service.diagrams import Element, elements_of

BPMN = 'xmlns:b="http://www.omg.org/spec/BPMN/20100524/MODEL"'


def test_elements_have_their_names_and_kinds() -> None:
    xml = f"""<b:definitions {BPMN} xmlns:x="urn:x"><b:process id="p">
        <b:serviceTask id="a" name="Kreditprüfung 信用检查"/><b:startEvent id="s"/><x:shape id="d"/></b:process>
        </b:definitions>"""

    found = elements_of(xml.encode())

    assert found["a"] == Element("Kreditprüfung 信用检查", "serviceTask")
    assert found["s"] == Element("", "startEvent")
    assert "d" not in found


def test_a_file_with_a_document_type_is_not_read() -> None:
    bomb = f'<!DOCTYPE a [<!ENTITY e "boom">]><b:definitions {BPMN}><b:task id="a" name="&e;"/></b:definitions>'

    assert elements_of(bomb.encode()) == {}


@pytest.mark.parametrize("xml", [b"", b"<a>", b"\xff"])
def test_what_is_no_xml_is_an_error(xml: bytes) -> None:
    from xml.parsers.expat import ExpatError

    with pytest.raises(ExpatError):
        elements_of(xml)
