"""The API's own document, as ``GET /openapi.json`` answers it."""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory

from actuator.app import create_app
from actuator.credentials import Credentials
from actuator.settings import Settings

# Any will do: nothing of the configuration is in the document.
_CONFIGURATION = """\
database: sqlite:///{folder}/actuator.db
proxmox: {{hosts: [127.0.0.1], token_id: wattshift@pve!actuator, token_file: token}}
nodes: {{pve: {{}}}}
tokens: [{{name: operator, file: token, scopes: [operate]}}]
"""


def page() -> str:
    """Return the document, its keys in the order in which the code declares them."""
    with TemporaryDirectory() as folder:
        file = Path(folder) / "actuator.yml"
        file.write_text(_CONFIGURATION.format(folder=folder))
        (Path(folder) / "token").write_text("for-this-document-alone\n")
        settings = Settings.load(file)
        credentials = Credentials.read(settings, {}, file=file)
        app = create_app(settings, credentials, file=file, read=lambda: (settings, credentials))
        with closing(app.state.services.store):
            return json.dumps(app.openapi(), indent=2, ensure_ascii=False) + "\n"
