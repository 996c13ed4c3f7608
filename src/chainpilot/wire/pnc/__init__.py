"""The Plug & Charge messages between station and CSMS: one canonical model, dialects as tables, one codec.

`messages` says what can be said, `dialects` how each dialect spells it, `codec` reads and writes by those tables.
What a message makes a station or a back office do is not handled here.
"""

__all__: list[str] = []
