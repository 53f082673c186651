"""`throughline instance ...`: what operators do, over the API."""

import json
from pathlib import Path
from typing import Any
from urllib.parse import quote

import click
import requests

SECONDS = 30
STEP = click.option("--step", type=int, required=True, help="Its number: `throughline instance show` tells it.")
REASON = click.option("--reason", required=True, help="Why; kept in the journal and the audit trail.")
SEQ = click.option("--expected-seq", type=int, help="Refuse it if the instance has moved past this since.")


class JsonParameter(click.ParamType[Any]):
    """A JSON value, or @ and the name of a file with one."""

    name = "json"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The value. Fails where it is no JSON."""
        try:
            text = Path(value[1:]).read_text(encoding="utf-8") if value.startswith("@") else value
            return json.loads(text)
        except (OSError, ValueError) as error:
            self.fail(str(error), param, ctx)


JSON = JsonParameter()


@click.group()
@click.option("--url", envvar="THROUGHLINE_URL", default="http://127.0.0.1:8080", show_default=True)
@click.option("--key", envvar="THROUGHLINE_KEY", help="An API key (or THROUGHLINE_KEY).")
@click.option("--wait", default=SECONDS, show_default=True, help="Seconds to wait until an act is done; at most 60.")
@click.pass_context
def instance(ctx: click.Context, url: str, key: str | None, wait: int) -> None:
    """Look at instances and repair them.

    Every act prints the instance as it is then, as JSON. Exits 0 if the act is done, 1 if it is refused, 3 if it is
    recorded and still under way.
    """
    ctx.obj = Hub(url.rstrip("/"), key, wait)


class Hub:
    """Where it is asked, with whose key (only who asks needs one), and how many seconds it may take."""

    def __init__(self, url: str, key: str | None, wait: int) -> None:
        self._url = url
        self._key = key
        self._wait = wait

    def ask(self, method: str, path: str, body: Any = None) -> requests.Response:
        """Its answer, also if it is a no. Raises `ClickException` with one line where there is none."""
        if self._key is None:
            raise click.UsageError("an API key is needed: give --key, or set THROUGHLINE_KEY")
        headers = {"Authorization": f"Bearer {self._key}", "Prefer": f"wait={self._wait}"}
        seconds = self._wait + SECONDS
        try:
            return requests.request(method, self._url + path, json=body, headers=headers, timeout=seconds)
        except requests.ReadTimeout as error:
            raise click.ClickException(f"the hub at {self._url} has not answered for {seconds} s") from error
        except (requests.ConnectionError, requests.Timeout) as error:
            raise click.ClickException(f"the hub at {self._url} cannot be reached: does it run there?") from error
        except requests.RequestException as error:  # an address that is none
            raise click.ClickException(f"{self._url} cannot be asked: {_one_line(error)}") from error


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())


def _show(answer: requests.Response) -> None:
    if answer.status_code >= 400:
        raise click.ClickException(_refusal(answer))
    try:
        told = answer.json()
    except ValueError as error:
        raise click.ClickException(f"{answer.url} answers with something that is no JSON: is it a hub?") from error
    click.echo(json.dumps(told, ensure_ascii=False, indent=2))
    if answer.status_code == 202:
        raise click.exceptions.Exit(3)


def _refusal(answer: requests.Response) -> str:
    try:
        told = answer.json()
    except ValueError:
        return f"{answer.status_code} {answer.reason}"
    return f"{told.get('code', answer.status_code)}: {told.get('detail') or told.get('title')}"


def _act(ctx: click.Context, id_: str, act: str, **body: Any) -> None:
    given = {name: value for name, value in body.items() if value is not None}
    _show(ctx.obj.ask("POST", f"{_path(id_)}/{act}", given))


def _path(id_: str) -> str:
    return f"/instances/{quote(id_, safe='')}"


@instance.command()
@click.argument("id_", metavar="ID")
@click.pass_context
def show(ctx: click.Context, /, id_: str) -> None:
    """Print an instance with its open steps."""
    _show(ctx.obj.ask("GET", _path(id_)))


@instance.command()
@click.argument("id_", metavar="ID")
@click.option("--step", type=int, help="One step; without it, every one with an incident.")
@click.option("--input", "edited", type=JSON, help="What the system is asked for instead (JSON, or @FILE).")
@click.option("--happened/--did-not-happen", default=None, help="Where nobody else can tell.")
@click.option("--output", type=JSON, help="Its output where it happened (JSON, or @FILE).")
@REASON
@SEQ
@click.pass_context
def retry(ctx: click.Context, /, id_: str, step: int | None, edited: Any, happened: bool | None, **body: Any) -> None:
    """Try again what waits for a person."""
    if step is None:
        if edited is not None or happened is not None or body.pop("output") is not None:
            raise click.UsageError("--input, --happened and --output are for one --step")
        return _act(ctx, id_, "retry", **body)
    return _act(ctx, id_, f"steps/{step}/retry", input=edited, happened=happened, **body)


@instance.command()
@click.argument("id_", metavar="ID")
@STEP
@click.option("--output", type=JSON, help="What it would have given (JSON, or @FILE).")
@REASON
@SEQ
@click.pass_context
def skip(ctx: click.Context, /, id_: str, step: int, **body: Any) -> None:
    """Count a step as done."""
    _act(ctx, id_, f"steps/{step}/skip", **body)


@instance.command()
@click.argument("id_", metavar="ID")
@STEP
@click.option("--to", required=True, help="The element that its token goes to.")
@click.option("--undo", is_flag=True, help="Undo what lies between first.")
@click.option("--variables", type=JSON, help="New values (JSON, or @FILE).")
@REASON
@SEQ
@click.pass_context
def move(ctx: click.Context, /, id_: str, step: int, **body: Any) -> None:
    """Send the token of a step elsewhere."""
    _act(ctx, id_, f"steps/{step}/move", **body)


@instance.command()
@click.argument("id_", metavar="ID")
@REASON
@SEQ
@click.pass_context
def suspend(ctx: click.Context, /, id_: str, **body: Any) -> None:
    """Let nothing begin in an instance."""
    _act(ctx, id_, "suspend", **body)


@instance.command()
@click.argument("id_", metavar="ID")
@REASON
@SEQ
@click.pass_context
def resume(ctx: click.Context, /, id_: str, **body: Any) -> None:
    """Let a suspended instance go on."""
    _act(ctx, id_, "resume", **body)


@instance.command()
@click.argument("id_", metavar="ID")
@click.option("--undo/--no-undo", default=True, show_default=True, help="Whether completed steps are undone first.")
@REASON
@SEQ
@click.pass_context
def cancel(ctx: click.Context, /, id_: str, **body: Any) -> None:
    """Stop an instance."""
    _act(ctx, id_, "cancel", **body)


@instance.command()
@click.argument("id_", metavar="ID")
@click.option("--version", type=int, required=True)
@click.option("--elements", type=JSON, help="Ids that differ there, by the ids here (JSON, or @FILE).")
@REASON
@SEQ
@click.pass_context
def migrate(ctx: click.Context, /, id_: str, **body: Any) -> None:
    """Let an instance go on in another version."""
    _act(ctx, id_, "migrate", **body)
