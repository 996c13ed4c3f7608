"""URLs of files: what is read as what, what is refused, and that no refusal or repr holds a secret."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainpilot.station.agent.locations import MAX_LOCATION, read_location
from chainpilot.station.agent.ports import TransferRefused

HOSTS = st.from_regex(r"[a-z]([a-z0-9-]{0,10}[a-z0-9])?(\.[a-z]{2,5}){0,2}", fullmatch=True)
PATHS = st.text(
    st.characters(codec="utf-8", exclude_categories=("Cc", "Cs"), exclude_characters="?#\\"), max_size=40
).map(lambda text: "/" + text)


def test_a_url_is_taken_apart() -> None:
    location = read_location("https://me:s%3Acret@files.example:8443/a/b.bin?token=1#part")
    assert (location.scheme, location.host, location.port) == ("https", "files.example", 8443)
    assert location.target == "/a/b.bin?token=1"
    assert (location.user, location.password.value) == ("me", "s:cret")
    assert location.place == "files.example:8443"


@pytest.mark.parametrize(
    ("url", "place", "target"),
    [
        ("http://h", "h", "/"),
        ("HTTP://H:80/", "h", "/"),
        ("https://h:443/x", "h", "/x"),
        ("https://h:80/x", "h:80", "/x"),
        ("http://[::1]:8080/x", "[::1]:8080", "/x"),
        ("http://127.0.0.1/x?", "127.0.0.1", "/x"),
        ("http://münchen.example/ü x", "xn--mnchen-3ya.example", "/%C3%BC%20x"),
        ("http://h/a%20b", "h", "/a%20b"),
        ("http://h:1/x", "h:1", "/x"),
        ("http://h:65535/x", "h:65535", "/x"),
    ],
)
def test_what_is_unusual_is_read_as_a_browser_does(url: str, place: str, target: str) -> None:
    location = read_location(url)
    assert (location.place, location.target) == (place, target)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "files.example/x",
        "//h/x",
        "ftp://h/x",
        "ftps://h/x",
        "file:///etc/passwd",
        "file://h/x",
        "javascript:alert(1)",
        "http:///x",
        "http://:80/x",
        "http://h:0/x",
        "http://h:65536/x",
        "http://h:-1/x",
        "http://h:x/x",
        "http://[::1/x",
        "http://[::1%25eth0]/x",
        "http://a b/x",
        "http://" + "a" * 64 + "/x",
        "http://u%3Av:p@h/x",
        "http://u%ff@h/x",
        "http://h/\ud800",
        "http://-h/x",
        "http://h/x\r\nHost: other",
        "http://h\t/x",
        "\x00http://h/x",
        "http://h/x\x7f",
        "http://h/x\x85",
    ],
)
def test_what_is_no_proper_url_is_refused(url: str) -> None:
    with pytest.raises(TransferRefused):
        read_location(url)


@pytest.mark.parametrize(("spare", "taken"), [(1, True), (0, True), (-1, False)])
def test_a_url_is_read_up_to_its_bound(spare: int, taken: bool) -> None:
    start = "http://h/"
    url = start + "a" * (MAX_LOCATION - len(start) - spare)
    if taken:
        assert len(read_location(url).path) == len(url) - len("http://h")
    else:
        with pytest.raises(TransferRefused):
            read_location(url)


@pytest.mark.parametrize(
    ("url", "target"),
    [
        ("http://h/logs/", "/logs/se%20c.txt"),
        ("http://h", "/se%20c.txt"),
        ("http://h/logs/?t=1", "/logs/se%20c.txt?t=1"),
        ("http://h/logs", "/logs"),
        ("http://h/logs?x=/", "/logs?x=/"),
    ],
)
def test_a_location_that_ends_with_a_slash_names_a_folder(url: str, target: str) -> None:
    assert read_location(url).within("se c.txt").target == target


def test_no_repr_and_no_refusal_shows_what_could_be_a_secret() -> None:
    location = read_location("https://user:hunter2@h:1/path-token?query-token")
    for shown in (repr(location), str(location), location.place, f"{location.within('x')}"):
        assert not any(word in shown for word in ("user:", "hunter2", "path-token", "query-token")), shown
    for url in ("ftp://user:hunter2@h/x", "https://user:hunter2@h:99999/x", "https://user:hunter2@[h/x"):
        with pytest.raises(TransferRefused) as refused:
            read_location(url)
        assert "hunter2" not in f"{refused.value!r} {refused.value} {refused.value.__cause__!r}"


@given(st.text(max_size=60) | st.text(max_size=60).map(lambda text: f"http://{text}"))
def test_no_text_escapes_the_family_and_what_is_read_can_be_sent(text: str) -> None:
    try:
        location = read_location(text)
    except TransferRefused:
        return
    assert location.target.isascii()
    assert location.target.isprintable()
    assert " " not in location.target
    assert location.target.startswith("/")


@given(HOSTS, PATHS, st.integers(1, 65535))
def test_a_written_location_is_read_as_it_was_meant(host: str, path: str, port: int) -> None:
    first = read_location(f"https://{host}:{port}{path}")
    assert (first.host, first.port) == (host, port)
    again = read_location(f"https://{first.place}{first.target}")
    assert again == first
