"""The schema's history; run by `chainpilot.cpms.adapters.sql.files.migrate`."""

__all__: list[str] = []
