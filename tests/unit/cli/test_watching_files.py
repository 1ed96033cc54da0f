"""The example dashboard and alert rules: every metric and label that they use exists."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from okapi_install.service.metrics import METERS
from tests.fixtures.parts import ROOT
from tests.unit.service.house import enable
from tests.unit.web.jobs_site import JobsSite

DASHBOARD = json.loads((ROOT / "config/grafana-dashboard.json").read_text(encoding="utf-8"))
ALERTS = yaml.safe_load((ROOT / "config/prometheus-alerts.yml").read_text(encoding="utf-8"))
RULES = [rule for group in ALERTS["groups"] for rule in group["rules"]]


def expressions() -> Iterator[str]:
    """All that Prometheus is asked."""
    for panel in DASHBOARD["panels"]:
        yield from (target["expr"] for target in panel.get("targets", ()))
    for rule in RULES:
        yield rule["expr"]
        for text in rule["annotations"].values():
            yield from re.findall(r'query "([^"]+)"', text)


def metrics_with_labels() -> dict[str, set[str]]:
    """The samples that the server tells, and the labels of each."""
    families = text_string_to_metric_families(_with_a_worker_and_a_job().client.get("/metrics").text)
    found = {sample.name: set(sample.labels) for family in families for sample in family.samples}
    for meter in METERS:
        names = ("_bucket", "_count", "_sum") if meter.buckets else ("_total",)
        found |= {meter.name + suffix: {*meter.labels, "le"} for suffix in names}
    return found


def _with_a_worker_and_a_job() -> JobsSite:
    site = JobsSite()
    site.house.submit(*enable("a-1.0.0"))
    site.house.store.beat("w1", 15.0)
    return site


METRICS = metrics_with_labels()


@pytest.mark.parametrize("expression", sorted(set(expressions())))
def test_every_metric_that_is_asked_for_exists(expression: str) -> None:
    names = re.findall(r"okapi_install_\w+", expression)
    assert names
    assert not set(names) - METRICS.keys()


@pytest.mark.parametrize("expression", sorted(set(expressions())))
def test_every_label_that_is_asked_for_exists(expression: str) -> None:
    labels = {label for name in re.findall(r"okapi_install_\w+", expression) for label in METRICS[name]}
    grouped = re.findall(r"\bby \(([^)]*)\)", expression)
    asked = {label.strip() for group in grouped for label in group.split(",")}
    asked |= set(re.findall(r"[{,]\s*(\w+)=", expression))
    assert not asked - labels


@pytest.mark.parametrize("expression", sorted(set(expressions())))
def test_brackets_are_closed(expression: str) -> None:
    for opening, closing in ("()", "[]", "{}"):
        assert expression.count(opening) == expression.count(closing)


def test_the_legends_name_labels_that_are_left() -> None:
    for panel in DASHBOARD["panels"]:
        for target in panel.get("targets", ()):
            labels = {label for name in re.findall(r"okapi_install_\w+", target["expr"]) for label in METRICS[name]}
            assert not set(re.findall(r"{{(\w+)}}", target["legendFormat"])) - labels


def test_every_metric_is_on_the_dashboard_or_in_an_alert() -> None:
    used = {name for expression in expressions() for name in re.findall(r"okapi_install_\w+", expression)}
    used = {re.sub(r"_(bucket|count|sum)$", "", name) for name in used}
    shown = {re.sub(r"_(bucket|count|sum)$", "", name) for name in METRICS}
    assert shown - used == set()


def test_panels_do_not_overlap() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in DASHBOARD["panels"]:
        at: dict[str, Any] = panel["gridPos"]
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert not taken & cells
        assert at["x"] + at["w"] <= 24
        taken |= cells


def test_every_alert_says_what_is_wrong_and_how_bad_it_is() -> None:
    assert len({rule["alert"] for rule in RULES}) == len(RULES)
    for rule in RULES:
        assert rule["labels"]["severity"] in ("warning", "critical")
        assert rule["annotations"].keys() - {"link"} == {"summary", "description"}


def test_an_alert_about_a_job_names_its_tenant_and_has_a_link_to_its_page() -> None:
    about_jobs = [rule["annotations"] for rule in RULES if "trouble_since" in rule["expr"]]
    assert len(about_jobs) == 3
    for texts in about_jobs:
        assert "{{ $labels.tenant }}" in texts["summary"]
        assert texts["link"] == "{{ $labels.url }}"


def test_the_dashboard_answers_the_four_questions_of_an_operator() -> None:
    rows = [panel["title"] for panel in DASHBOARD["panels"] if panel["type"] == "row"]
    assert rows[:4] == [
        "What is going on?",
        "What went wrong, and why?",
        "When will it be done?",
        "What do I do now?",
    ]


def test_every_metric_is_documented_with_its_labels_and_every_documented_one_exists() -> None:
    page = (ROOT / "docs/metrics.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(okapi_install_\w+)` \|([^|]*)\|", page, re.MULTILINE)
    documented = {name: set(re.findall(r"`(\w+)`", labels)) for name, labels in rows}
    told = {re.sub(r"_(bucket|count|sum)$", "", name): labels - {"le"} for name, labels in METRICS.items()}
    assert documented == told
