"""The table of settings: every row can be found, read and, where it may be set, kept."""

from dataclasses import fields

from chainpilot.station.agent.settings.keys import BY_KEY, FIELDS, TABLE, Access, Source, variable
from chainpilot.station.agent.settings.refusals import ReasonCode
from chainpilot.station.agent.settings.values import Settings
from chainpilot.wire.ocpp201 import Component, Variable


def test_every_row_has_a_name_in_one_of_the_versions_and_no_name_stands_twice() -> None:
    keys = [setting.key.lower() for setting in TABLE if setting.key]
    variables = [str(name).lower() for setting in TABLE for name in setting.variables]
    assert all(setting.key or setting.variables for setting in TABLE)
    assert len(keys) == len(set(keys)) == len(BY_KEY)
    assert len(variables) == len(set(variables))


def test_every_variable_is_found_by_its_name_in_any_case() -> None:
    for setting in TABLE:
        for name in setting.variables:
            for spelt in (str.lower, str.upper, str):
                component, asked = Component(name=spelt(name.component)), Variable(name=spelt(name.variable))
                assert variable(component, asked) == (name, setting)


def test_an_instance_is_known_where_the_standard_has_it_alone() -> None:
    comm = Component(name="OCPPCommCtrlr")
    assert variable(comm, Variable(name="MessageTimeout", instance="default")) is not None
    assert variable(comm, Variable(name="MessageTimeout", instance="Boot")) is None
    assert variable(comm, Variable(name="HeartbeatInterval", instance="Default")) is None


def test_what_a_csms_may_set_is_a_field_of_the_settings() -> None:
    known = {field.name for field in fields(Settings)}
    assert FIELDS.keys() <= known
    written = {setting.name for setting in TABLE if Access.WRITE in setting.access}
    assert written - FIELDS.keys() == {"security_profile", "priority"}


def test_the_default_of_every_setting_can_be_written() -> None:
    for setting in TABLE:
        if setting.source is Source.SETTINGS:
            assert isinstance(setting.form.write(getattr(Settings(), setting.name)), str)


def test_reason_codes_fit_into_a_status_info() -> None:
    assert all(len(code.value) <= 20 for code in ReasonCode)
