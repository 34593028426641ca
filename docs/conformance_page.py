"""The table of clients and routes, from the checks that the tests run with the real clients: tests/serve/conformance.py."""

from __future__ import annotations

import sys
from itertools import groupby
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1]))

from tests.serve.conformance import CHECKS


def page() -> list[str]:
    """One row a check, by client and route."""
    lines = [
        "# Clients",
        "",
        "The official clients, as they are, against `codomain serve`. Every row is a test that runs with each change; what a client returns is compared with the encoder itself.",
        "",
        "| client | route | checked |",
        "|---|---|---|",
    ]
    for client, own in groupby(CHECKS, key=lambda one: one.client):
        for place, check in enumerate(own):
            lines.append(f"| {f'`{client}`' if not place else ''} | `{check.route}` | {check.what} |")
    return [*lines, "", f"{len(CHECKS)} checks of {len({one.client for one in CHECKS})} clients."]
