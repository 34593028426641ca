"""The write path: documents in, changed, cut and encoded again.

ingest.py     documents and tables in, one transaction a batch
update.py     documents that are there, changed
repeated.py   documents that several files hold
servers.py    dimensions of encoders of servers, and what was paid for their vectors
"""

from typing import Any

UNCHANGED: Any = object()
"""What stands for a text or a title that is left as it is."""
