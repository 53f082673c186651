"""`throughline instance ...`: what operators do, over the API."""

import json
from pathlib import Path
from typing import Any

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
@click.option("--key", envvar="THROUGHLINE_KEY", required=True, help="An API key (or THROUGHLINE_KEY).")
@click.option("--wait", default=SECONDS, show_default=True, help="Seconds to wait until an act is done; at most 60.")
@click.pass_context
def instance(ctx: click.Context, url: str, key: str, wait: int) -> None:
    """Look at instances and repair them.

    Every act prints the instance as it is then, as JSON. Exits 0 if the act is done, 1 if it is refused, 3 if it is
    recorded and still under way.
    """
    session = requests.Session()
    session.headers.update({"Authorization": f"Bearer {key}", "Prefer": f"wait={wait}"})
    ctx.obj = lambda method, path, body=None: _ask(session, url.rstrip("/") + path, method, body, wait)


def _ask(session: requests.Session, url: str, method: str, body: Any, wait: int) -> None:
    try:
        answer = session.request(method, url, json=body, timeout=wait + SECONDS)
    except requests.RequestException as error:
        raise click.ClickException(f"the hub cannot be reached: {error}") from error
    if answer.status_code >= 400:
        raise click.ClickException(_refusal(answer))
    click.echo(json.dumps(answer.json(), ensure_ascii=False, indent=2))
    if answer.status_code == 202:
        raise click.exceptions.Exit(3)


def _refusal(answer: requests.Response) -> str:
    try:
        told = answer.json()
    except ValueError:
        return f"{answer.status_code} {answer.reason}"
    return f"{told.get('code', answer.status_code)}: {told.get('detail') or told.get('title')}"


def _act(ctx: click.Context, path: str, **body: Any) -> None:
    ctx.obj("POST", f"/instances/{path}", {name: value for name, value in body.items() if value is not None})


@instance.command()
@click.argument("id_", metavar="ID")
@click.pass_context
def show(ctx: click.Context, /, id_: str) -> None:
    """Print an instance with its open steps."""
    ctx.obj("GET", f"/instances/{id_}")


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
        return _act(ctx, f"{id_}/retry", **body)
    return _act(ctx, f"{id_}/steps/{step}/retry", input=edited, happened=happened, **body)


@instance.command()
@click.argument("id_", metavar="ID")
@STEP
@click.option("--output", type=JSON, help="What it would have given (JSON, or @FILE).")
@REASON
@SEQ
@click.pass_context
def skip(ctx: click.Context, /, id_: str, step: int, **body: Any) -> None:
    """Count a step as done."""
    _act(ctx, f"{id_}/steps/{step}/skip", **body)


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
    _act(ctx, f"{id_}/steps/{step}/move", **body)


@instance.command()
@click.argument("id_", metavar="ID")
@REASON
@SEQ
@click.pass_context
def suspend(ctx: click.Context, /, id_: str, **body: Any) -> None:
    """Let nothing begin in an instance."""
    _act(ctx, f"{id_}/suspend", **body)


@instance.command()
@click.argument("id_", metavar="ID")
@REASON
@SEQ
@click.pass_context
def resume(ctx: click.Context, /, id_: str, **body: Any) -> None:
    """Let a suspended instance go on."""
    _act(ctx, f"{id_}/resume", **body)


@instance.command()
@click.argument("id_", metavar="ID")
@click.option("--undo/--no-undo", default=True, show_default=True, help="Whether completed steps are undone first.")
@REASON
@SEQ
@click.pass_context
def cancel(ctx: click.Context, /, id_: str, **body: Any) -> None:
    """Stop an instance."""
    _act(ctx, f"{id_}/cancel", **body)


@instance.command()
@click.argument("id_", metavar="ID")
@click.option("--version", type=int, required=True)
@click.option("--elements", type=JSON, help="Ids that differ there, by the ids here (JSON, or @FILE).")
@REASON
@SEQ
@click.pass_context
def migrate(ctx: click.Context, /, id_: str, **body: Any) -> None:
    """Let an instance go on in another version."""
    _act(ctx, f"{id_}/migrate", **body)
