"""The CSMS's own calls: what is wanted of a station, ordered, carried out in its dialect, and recorded.

What can be wanted is `chainpilot.cpms.model.demands`, a call and its states are `chainpilot.cpms.model.calls`.
Certificates that a station asks for are `chainpilot.cpms.enrolment`'s.
"""

from chainpilot.cpms.calls.desk import CallDesk
from chainpilot.cpms.calls.judging import DemandRefused

__all__ = ["CallDesk", "DemandRefused"]
