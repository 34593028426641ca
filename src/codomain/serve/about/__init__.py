"""What a server tells of itself, and what it does not.

places.py     ids, sources and expressions without the paths of this machine
openapi.py    the description of the routes, with what each refuses
metrics.py    counts and times for Prometheus
telemetry.py  spans of OpenTelemetry, where that is set up
"""
