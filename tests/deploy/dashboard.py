"""deploy/grafana.json: every query uses existing metrics and labels."""

import json
import re

import promql_parser

from files import read

# The service's metrics with their labels. The scraper adds `instance` and `job`.
METRICS = {
    "tasks_api_requests_total": {"operation", "status"},
    "tasks_api_request_duration_seconds": {"operation", "le"},
    "tasks_api_requests_in_flight": set(),
    "tasks_api_batch_size": {"lane", "le"},
    "tasks_api_queue_depth": {"lane"},
    "tasks_api_database_connections": {"state"},
    "tasks_api_database_errors_total": {"kind"},
    "tasks_api_key_set_age_seconds": set(),
    "tasks_api_key_set_fetches_total": {"outcome"},
    "tasks_api_limits_hit_total": {"limit"},
    "tasks_api_event_streams": set(),
    "tasks_api_events_sent_total": set(),
    "tasks_api_build_info": {"version"},
}
HISTOGRAMS = {"tasks_api_request_duration_seconds", "tasks_api_batch_size"}


def dashboard_queries():
    document = json.loads(read("deploy/grafana.json"))
    for panel in document["panels"]:
        for target in panel.get("targets", []):
            yield panel["title"], target["expr"]


def the_dashboard_asks_for_what_is_measured():
    """promql-parser, for the queries"""
    known = dict(METRICS)
    for name in HISTOGRAMS:
        known |= {f"{name}_{part}": METRICS[name] for part in ["bucket", "sum", "count"]}
        del known[name]
    asked = set()
    for title, query in dashboard_queries():
        try:
            promql_parser.parse(query.replace("$__rate_interval", "5m"))
        except ValueError as error:
            yield f"{title}: {error} in {query}"
        names = set(re.findall(r"\btasks_api_\w+", query))
        asked |= names
        for name in names - known.keys():
            yield f"{title}: {name} is not measured"
        labels = {"instance", "job"}.union(*(known.get(name, set()) for name in names))
        used = re.findall(r"(\w+)\s*(?:=|!=|=~|!~)\s*\"", query)
        for group in re.findall(r"\bby \(([^)]*)\)", query):
            used += [label.strip() for label in group.split(",")]
        for label in set(used) - labels:
            yield f"{title}: no metric there has a label {label}"
    for name in METRICS:
        if not any(metric == name or known.get(metric) is METRICS[name] for metric in asked):
            yield f"no panel shows {name}"


def the_dashboard_is_laid_out():
    panels = json.loads(read("deploy/grafana.json"))["panels"]
    if len({panel["id"] for panel in panels}) != len(panels):
        yield "two panels have one id"
    taken = {}
    for panel in panels:
        place = panel["gridPos"]
        for x in range(place["x"], place["x"] + place["w"]):
            for y in range(place["y"], place["y"] + place["h"]):
                if (other := taken.setdefault((x, y), panel["title"])) != panel["title"]:
                    yield f"{panel['title']} lies on {other}"
    for title, query in dashboard_queries():
        if 'instance=~"$instance"' not in query:
            yield f"{title}: the choice of an instance does not reach {query}"
