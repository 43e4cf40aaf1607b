"""Fleet mode: one exporter asks many BMCs, each when Prometheus asks for it (``GET /dcmi?target=…&module=…``)."""
