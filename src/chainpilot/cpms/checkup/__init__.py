"""Trying a configured PKI step by step, each failure in words with what to do; a composition root of its own.

Nothing is written down, and nothing asked for that may cost money unless that is wanted expressly.
"""

from chainpilot.cpms.checkup.files import setup_faults
from chainpilot.cpms.checkup.findings import Finding, Grade, Step
from chainpilot.cpms.checkup.pki import check_pki
from chainpilot.cpms.checkup.request import TestRequest

__all__ = ["Finding", "Grade", "Step", "TestRequest", "check_pki", "setup_faults"]
