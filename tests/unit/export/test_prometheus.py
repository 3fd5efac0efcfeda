"""Text that Prometheus reads, in both formats."""

from __future__ import annotations

from wsmon.export.prometheus import exposition
from wsmon.model.metrics import DistributionPoint, Labels, MetricFamily, NumberPoint

CLIENT: Labels = (("client_id", "a"),)
FAMILIES = (
    MetricFamily("x.up", "gauge", "Whether", (NumberPoint(CLIENT, 1), NumberPoint((), 0.25))),
    MetricFamily("x.wire", "counter", 'Says "so"', (NumberPoint(CLIENT, 7.0),), "bytes"),
    MetricFamily(
        "x.took", "histogram", "How long", (DistributionPoint(CLIENT, 3, 1.5, (0.01, 1.0), (1, 1, 1)),), "seconds"
    ),
    MetricFamily("x.size", "summary", "How much", (DistributionPoint(CLIENT, 2, 9),), "bytes"),
    MetricFamily("x.nothing", "counter", "No series yet", ()),
)
SPREAD = """\
x_took_seconds_bucket{client_id="a",le="0.01"} 1
x_took_seconds_bucket{client_id="a",le="1.0"} 2
x_took_seconds_bucket{client_id="a",le="+Inf"} 3
x_took_seconds_sum{client_id="a"} 1.5
x_took_seconds_count{client_id="a"} 3
"""


def test_the_text_format() -> None:
    assert (
        exposition(FAMILIES, is_open_metrics=False).decode()
        == f"""\
# HELP x_up Whether
# TYPE x_up gauge
x_up{{client_id="a"}} 1
x_up 0.25
# HELP x_wire_bytes_total Says 'so'
# TYPE x_wire_bytes_total counter
x_wire_bytes_total{{client_id="a"}} 7
# HELP x_took_seconds How long
# TYPE x_took_seconds histogram
{SPREAD}# HELP x_size_bytes How much
# TYPE x_size_bytes summary
x_size_bytes_sum{{client_id="a"}} 9
x_size_bytes_count{{client_id="a"}} 2
"""
    )


def test_open_metrics_names_families_and_units_and_says_where_it_ends() -> None:
    assert (
        exposition(FAMILIES[1:3], is_open_metrics=True).decode()
        == f"""\
# HELP x_wire_bytes Says 'so'
# TYPE x_wire_bytes counter
# UNIT x_wire_bytes bytes
x_wire_bytes_total{{client_id="a"}} 7
# HELP x_took_seconds How long
# TYPE x_took_seconds histogram
# UNIT x_took_seconds seconds
{SPREAD}# EOF
"""
    )


def test_tk_22_quotes_backslashes_and_line_breaks_are_escaped() -> None:
    hostile = 'a"b\\c\nd\x1b[31m\ud800é\r'
    family = MetricFamily("x.up", "gauge", "a\\b\nc", (NumberPoint((("type", hostile),), 1),))
    text = exposition((family,), is_open_metrics=False)
    assert text.splitlines()[0] == b"# HELP x_up a\\\\b\\nc"
    assert text.splitlines()[2].decode() == 'x_up{type="a\\"b\\\\c\\nd�[31m�é�"} 1'
    assert text.count(b"\n") == 3
