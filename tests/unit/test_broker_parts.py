"""Parts of the broker with many cases: addresses, the meter, the scrubber."""

import json
import socket
from ipaddress import ip_address
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from honk.adapters.broker.meter import LOOKED_INTO, Meter
from honk.adapters.broker.network import AllowList, Target, is_own, parse_target, why_refused
from honk.adapters.broker.scrub import Scrubber
from honk.domain.text import Secret


# ── addresses ──────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "127.255.255.254",
        "0.0.0.0",
        "0.1.2.3",
        "169.254.169.254",
        "100.100.100.200",
        "168.63.129.16",
        "10.1.2.3",
        "172.16.0.1",
        "172.31.255.255",
        "192.168.1.1",
        "224.0.0.1",
        "239.1.1.1",
        "255.255.255.255",
        "::",
        "::1",
        "fe80::1",
        "fe80::1%eth0",
        "febf::1",
        "fc00::1",
        "fd00:ec2::254",
        "fec0::1",
        "ff02::1",
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
        "::ffff:0:192.168.0.1",
        "::7f00:1",
        "64:ff9b::a9fe:a9fe",
        "64:ff9b::10.0.0.1",
        "64:ff9b:1::1",
        "2002:7f00:1::",
        "2002:a00:1::1",
        "2001:0:808:808:0:0:80ff:fffe",
        "2001:db8::5efe:10.0.0.1",
        "2001:db8::200:5efe:192.168.0.1",
    ],
)
def test_addresses_that_are_near_are_refused_in_every_disguise(address: str) -> None:
    assert why_refused(ip_address(address))


@pytest.mark.parametrize(
    "address",
    [
        "8.8.8.8",
        "100.64.0.1",
        "198.18.0.1",
        "192.0.2.1",
        "203.0.113.9",
        "172.32.0.1",
        "172.15.255.255",
        "11.0.0.1",
        "2606:4700::1111",
        "2001:db8::1",
        "64:ff9b::8.8.8.8",
        "2002:808:808::1",
        "::ffff:8.8.8.8",
    ],
)
def test_odd_ranges_are_not_refused_for_being_odd(address: str) -> None:
    assert why_refused(ip_address(address)) == ""


def test_this_hosts_own_addresses_are_known_by_asking_it() -> None:
    assert is_own(ip_address("127.0.0.1"))
    assert not is_own(ip_address("192.0.2.1"))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
        except OSError:
            pytest.skip("this host has no route to anywhere")
        own = ip_address(probe.getsockname()[0])
    assert is_own(own)


@pytest.mark.parametrize(
    ("text", "target"),
    [
        ("pypi.org:443", ("pypi.org", 443)),
        ("PyPI.org.:443", ("pypi.org", 443)),
        ("[2001:DB8::1]:443", ("2001:db8::1", 443)),
        ("my_host-1:65535", ("my_host-1", 65535)),
    ],
)
def test_targets(text: str, target: tuple[str, int]) -> None:
    parsed = parse_target(text)
    assert (parsed.host, parsed.port) == target
    assert parse_target(str(parsed)) == parsed


@pytest.mark.parametrize(
    "text",
    [
        *("", "a", "a:", ":1", "a:0", "a:65536", "a:١", "a:-1", "a:1:2", "a b:1", "a/b:1", "a@b:1", "a\x00:1"),
        *("ä.de:1", "..:1", ".a:1", "[::1", "[::1]x:1", "[a]:1", "[::1%lo]x", "x" * 254 + ":1"),
    ],
)
def test_what_is_no_target(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_target(text)


def test_the_allow_list_means_exactly_these_hosts() -> None:
    allowed = AllowList(("PyPI.org", "mirror.example:8080", "[2001:db8::1]:443"))
    assert Target(host="pypi.org", port=443) in allowed
    assert Target(host="pypi.org", port=80) in allowed
    assert Target(host="pypi.org", port=8080) not in allowed
    assert Target(host="mirror.example", port=8080) in allowed
    assert Target(host="mirror.example", port=443) not in allowed
    assert Target(host="files.pypi.org", port=443) not in allowed
    assert Target(host="2001:db8::1", port=443) in allowed
    with pytest.raises(ValueError, match="usable port"):
        AllowList(("pypi.org:",))


# ── the meter ──────────────────────────────────────────────────────────────────────────────────
def data(**fields: object) -> bytes:
    return f"event: x\ndata: {json.dumps(fields)}\n\n".encode()


STREAM = (
    data(type="message_start", message={"model": "m", "usage": {"input_tokens": 3, "output_tokens": 1}})
    + data(type="content_block_delta", delta={"type": "text_delta", "text": "Übung\n\ndata: {}"})
    + data(type="message_delta", delta={}, usage={"output_tokens": 42, "cache_read_input_tokens": 5})
    + data(type="message_stop")
)


@given(st.lists(st.integers(min_value=0, max_value=len(STREAM)), max_size=20))
def test_it_does_not_matter_how_a_stream_is_cut(cuts: list[int]) -> None:
    meter = Meter(streamed=True)
    edges = [0, *sorted(cuts), len(STREAM)]
    for begin, end in pairwise(edges):
        meter.feed(STREAM[begin:end])
    usage = meter.usage()
    assert (usage.model, usage.input_tokens, usage.output_tokens, usage.cache_read_tokens) == ("m", 3, 42, 5)
    assert meter.finished
    assert meter.counted


@given(st.lists(st.binary(max_size=200), max_size=20))
def test_nothing_that_a_server_sends_breaks_the_meter(chunks: list[bytes]) -> None:
    for streamed in (True, False):
        meter = Meter(streamed=streamed)
        for chunk in chunks:
            meter.feed(b"data: " + chunk)
        meter.close()
        assert meter.usage().input_tokens >= 0


def test_carriage_returns_and_unknown_fields_do_not_matter() -> None:
    meter = Meter(streamed=True)
    meter.feed(STREAM.replace(b"\n", b"\r\n") + data(type="brand_new", usage={"output_tokens": "many"}))
    assert meter.usage().output_tokens == 42


def test_an_hour_in_the_cache_passes_and_searches_are_seen() -> None:
    meter = Meter(streamed=False)
    usage = {
        "input_tokens": 1,
        "output_tokens": 2,
        "cache_creation_input_tokens": 30,
        "cache_creation": {"ephemeral_5m_input_tokens": 10, "ephemeral_1h_input_tokens": 20},
        "server_tool_use": {"web_search_requests": 4},
        "speed": "fast",
        "inference_geo": "us",
        "iterations": [{"input_tokens": 5, "output_tokens": 6}, {"input_tokens": 7, "output_tokens": 8}],
    }
    meter.feed(json.dumps({"type": "message", "model": "m", "usage": usage}).encode())
    meter.close()
    seen = meter.usage()
    assert (seen.cache_write_tokens, seen.cache_write_1h_tokens, seen.web_searches) == (30, 20, 4)
    assert (seen.fast, seen.us_only) == (True, True)
    assert (seen.input_tokens, seen.output_tokens) == (12, 14)


def test_a_line_without_an_end_is_not_kept() -> None:
    meter = Meter(streamed=True)
    for _ in range(LOOKED_INTO // (1 << 20) + 2):
        meter.feed(b"data: " + b"x" * (1 << 20))
    meter.feed(b"\n" + STREAM)
    assert meter.usage().input_tokens == 3
    assert meter.finished


# ── the scrubber ───────────────────────────────────────────────────────────────────────────────
KEY = "sk-ant-abcabcabd"


@given(
    st.lists(st.sampled_from([KEY, KEY[:7], KEY[3:], "abc", "sk-", " ", "\n\n"]), max_size=12).map("".join),
    st.lists(st.integers(min_value=0, max_value=150), max_size=12),
)
def test_a_key_is_taken_out_however_it_is_cut(text: str, cuts: list[int]) -> None:
    scrubber = Scrubber((Secret(KEY),))
    raw = text.encode()
    edges = [0, *sorted(min(cut, len(raw)) for cut in cuts), len(raw)]
    out = b"".join(scrubber.feed(raw[begin:end]) for begin, end in pairwise(edges))
    out += scrubber.close()
    assert out == raw.replace(KEY.encode(), b"***")


def test_nothing_is_held_back_that_cannot_become_a_key() -> None:
    scrubber = Scrubber((Secret(KEY), Secret("short")))
    assert scrubber.feed(b"data: short sk-no\n\n") == b"data: short sk-no\n\n"
    assert scrubber.feed(b"x sk-a") == b"x "
    assert scrubber.feed(b"lpha") == b"sk-alpha"
    assert scrubber.text(f"a {KEY} b") == "a *** b"
