"""The API's documentation page: swagger-ui from the installed bundle, nothing from elsewhere."""

from pathlib import Path
from string import Template

import msgspec
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Mount, Route, Router
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp
from swagger_ui_bundle import swagger_ui_path

from service_kit.contracts import Contracts

PAGE = Template("""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>$title</title>
<link rel="stylesheet" href="assets/swagger-ui.css">
<link rel="icon" href="assets/favicon-32x32.png">
</head>
<body>
<div id="swagger-ui"></div>
<script src="assets/swagger-ui-bundle.js"></script>
<script src="start.js"></script>
</body>
</html>
""")
START = """window.onload = () => SwaggerUIBundle({
  url: "../openapi.json",
  dom_id: "#swagger-ui",
  deepLinking: true,
  persistAuthorization: true,
  presets: [SwaggerUIBundle.presets.apis],
});
"""
ONLY_OURS = {"Content-Security-Policy": "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:"}


def documented(app: ASGIApp, spec_path: Path) -> Router:
    """`app` with the page at `/docs/` (where `/` leads) and its contract at `/openapi.json` and `/openapi.yaml`."""
    contract = Contracts().read(spec_path)
    page = PAGE.substitute(title=contract["info"]["title"])
    as_json = msgspec.json.encode(contract)

    async def show(_: Request) -> Response:
        return HTMLResponse(page, headers=ONLY_OURS)

    async def redirect(request: Request) -> Response:
        return RedirectResponse(f"{request.scope.get('root_path', '')}/docs/")

    async def start(_: Request) -> Response:
        return Response(START, media_type="text/javascript")

    async def openapi_json(_: Request) -> Response:
        return Response(as_json, media_type=JSONResponse.media_type)

    async def openapi_yaml(_: Request) -> Response:
        return Response(spec_path.read_text("utf-8"), media_type="application/yaml")

    routes = [
        Route("/", redirect),
        Route("/docs", redirect),
        Route("/docs/", show),
        Route("/docs/start.js", start),
        Mount("/docs/assets", StaticFiles(directory=str(swagger_ui_path))),
        Route("/openapi.json", openapi_json),
        Route("/openapi.yaml", openapi_yaml),
    ]
    return Router(routes, default=app, redirect_slashes=False)
