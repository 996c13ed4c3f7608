"""The flows that have a page: what is played, by whom, and what a reader is told about it.

A further flow is a scenario in `scenarios`, or in `call_scenarios` where the CPMS begins, and one entry in a list of
flows; `python tools/flow_pages.py` then writes its page.
"""

from typing import Final

from flows.call_flows import CALL_FLOWS
from flows.enrolment_flows import ENROLMENT_FLOWS
from flows.flow import Flow

__all__ = ["FLOWS"]

FLOWS: Final[tuple[Flow, ...]] = (*ENROLMENT_FLOWS, *CALL_FLOWS)
