"""Checks that the files in configs/deploy fit together and fit the program, which no schema can check.

    check.py                 looks; says what does not fit, with exit code 1
    check.py config          prints the pipeline that kubernetes.yaml carries
"""

import configparser
import json
import re
import sys
from pathlib import Path

import yaml
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import Dashboard

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "configs/deploy"
PROMETHEUS_OWN = {"up"}
problems = []


def check(holds, problem):
    if not holds:
        problems.append(problem)


def documents(name):
    return [one for one in yaml.safe_load_all((DEPLOY / name).read_text()) if one]


def seconds(duration):
    number, unit = re.fullmatch(r"(\d+)\s*(ms|s|m)?", str(duration)).groups()
    return int(number) * {"ms": 0.001, "m": 60}.get(unit, 1)


def shutdown_timeout(config):
    """Returns the value in the config, else the default in the reference."""
    row = re.search(r"\| `shutdown_timeout` \| duration \| `(\w+)`", (ROOT / "docs/config.md").read_text())
    return seconds(config.get("shutdown_timeout", row[1]))


def metrics():
    """Returns the existing series, with the labels of each, from docs/metrics.md."""
    row = re.compile(r"^\| `(\w+)` \| (\w+) \| ([\w, ]*) \|", re.M)
    series = {}
    for name, kind, labels in row.findall((ROOT / "docs/metrics.md").read_text()):
        labels = set(labels.replace(",", " ").split())
        ends = {"_bucket": {"le"}, "_sum": set(), "_count": set()} if kind == "histogram" else {"": set()}
        series |= {name + end: labels | more for end, more in ends.items()}
    return series


def alerts():
    known, page = metrics(), (ROOT / "docs/operating.md").read_text()
    check(len(known) > 30, "docs/metrics.md: the table is not understood")
    tested = (ROOT / "integration/deploy/alerts.test.yaml").read_text()
    for group in documents("alerts.yaml")[0]["groups"]:
        for rule in group["rules"]:
            name = rule["alert"]
            check(f"`{name}`" in page, f"alerts.yaml: {name} is not in docs/operating.md")
            check(tested.count(name) == 2, f"alerts.yaml: {name} has no test")
            expression = re.sub(r'"[^"]*"', "", rule["expr"])
            used = set(re.findall(r"\b(?:nerodia|process)_\w+|\bup\b", expression))
            for series in used - PROMETHEUS_OWN:
                check(series in known, f"alerts.yaml: {name}: there is no {series}")
            labels = {label for one in used for label in known.get(one, ())} | {"job", "instance"}
            for label in re.findall(r"\$labels\.(\w+)", str(rule["annotations"])):
                check(label in labels, f"alerts.yaml: {name}: no series of it has the label {label}")
            for kind in re.findall(r'kind="(\w+)"', rule["expr"]):
                events = (ROOT / "src/telemetry/events.rs").read_text()
                check(f'"{kind}"' in events, f"alerts.yaml: {name}: no rebalance is of kind {kind}")


def unknown(ours, theirs, at):
    """Yields what a copy that Grafana's own types made has not or has otherwise: what they do not know, they drop."""
    if isinstance(ours, dict) and isinstance(theirs, dict):
        for key, value in ours.items():
            yield from unknown(value, theirs.get(key), f"{at}.{key}")
    elif isinstance(ours, list) and isinstance(theirs, list) and len(ours) == len(theirs):
        for index, pair in enumerate(zip(ours, theirs)):
            yield from unknown(*pair, f"{at}[{index}]")
    elif ours != theirs:
        yield at


def dashboard():
    ours = json.loads((DEPLOY / "grafana.json").read_text())
    theirs = json.loads(JSONEncoder().encode(Dashboard.from_json(ours)))
    for at in unknown(ours, theirs, "grafana.json"):
        check(False, f"{at} is not in the schema of Grafana's dashboards")
    known = metrics()
    asked = [target["expr"] for panel in ours["panels"] for target in panel.get("targets", ())]
    check(len(asked) > 20, "grafana.json: the panels are not understood")
    for expression in asked:
        bare = re.sub(r'"[^"]*"', "", expression)
        used = set(re.findall(r"\b(?:nerodia|process)_\w+", bare))
        check(used, f"grafana.json: {expression} asks for nothing of Nerodia")
        for series in used:
            check(series in known, f"grafana.json: there is no {series}")
        labels = {label for one in used for label in known.get(one, ())} | {"job", "instance"}
        for grouped in re.findall(r"by \(([\w, ]+)\)", bare):
            missing = set(grouped.replace(",", " ").split()) - labels
            check(not missing, f"grafana.json: {expression}: no series has the labels {missing}")
    places = [(box["x"], box["y"], box["x"] + box["w"], box["y"] + box["h"])
              for box in (panel["gridPos"] for panel in ours["panels"])]  # fmt: skip
    for index, one in enumerate(places):
        check(one[2] <= 24, f"grafana.json: panel {index} is wider than the page")
        for other in places[:index]:
            apart = one[0] >= other[2] or other[0] >= one[2] or one[1] >= other[3] or other[1] >= one[3]
            check(apart, f"grafana.json: panel {index} lies on another")


def pipeline():
    return next(one for one in documents("kubernetes.yaml") if one["kind"] == "ConfigMap")


def kubernetes():
    kinds = {one["kind"]: one for one in documents("kubernetes.yaml")}
    config = yaml.safe_load(pipeline()["data"]["pipeline.yaml"])
    deployment = kinds["Deployment"]
    pod = deployment["spec"]["template"]
    container = pod["spec"]["containers"][0]
    labels = pod["metadata"]["labels"].items()
    for kind, selector in [
        ("Deployment", deployment["spec"]["selector"]["matchLabels"]),
        ("Service", kinds["Service"]["spec"]["selector"]),
        ("PodDisruptionBudget", kinds["PodDisruptionBudget"]["spec"]["selector"]["matchLabels"]),
    ]:
        check(selector.items() <= labels, f"kubernetes.yaml: the {kind} selects other pods")
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    for probe in ["startupProbe", "readinessProbe", "livenessProbe"]:
        port = container[probe]["httpGet"]["port"]
        check(port in ports, f"kubernetes.yaml: {probe} asks the port {port}, which is none")
    check(config["http"]["address"] == f"0.0.0.0:{ports['http']}", "kubernetes.yaml: the web server is elsewhere")
    check(kinds["Service"]["spec"]["ports"][0]["targetPort"] in ports, "kubernetes.yaml: the Service has another port")
    mounted = {volume["name"]: volume for volume in pod["spec"]["volumes"]}
    name = pipeline()["metadata"]["name"]
    check(mounted["config"]["configMap"]["name"] == name, "kubernetes.yaml: the ConfigMap has another name")
    path = Path(container["volumeMounts"][0]["mountPath"], *pipeline()["data"])
    check(str(path) in container["args"], f"kubernetes.yaml: the config is {path}")
    variables = set(re.findall(r"\$\{(\w+)", pipeline()["data"]["pipeline.yaml"]))
    given = {one["name"]: one["valueFrom"]["secretKeyRef"] for one in container["env"] if "valueFrom" in one}
    check(variables == set(given), f"kubernetes.yaml: the config wants {variables}")
    grace = pod["spec"]["terminationGracePeriodSeconds"]
    check(grace > shutdown_timeout(config), "kubernetes.yaml: the grace period is no more than shutdown_timeout")
    guests = config["pipeline"]["threads"] * int(config["guests"]["memory"].removesuffix("MiB"))
    limit = container["resources"]["limits"]["memory"]
    check(limit == "1Gi" and guests + 256 < 1024, "kubernetes.yaml: the memory limit leaves no room beside the guests")
    return config, deployment, {secret["name"] for secret in given.values()}


def keda(config, deployment, secrets):
    kinds = {one["kind"]: one for one in documents("keda.yaml")}
    scaled, authentication = kinds["ScaledObject"], kinds["TriggerAuthentication"]
    for one in kinds.values():
        check(one["apiVersion"] == "keda.sh/v1alpha1", "keda.yaml: another apiVersion")
    target = scaled["spec"]["scaleTargetRef"]["name"]
    check(target == deployment["metadata"]["name"], f"keda.yaml: there is no Deployment {target}")
    check(scaled["spec"]["minReplicaCount"] <= scaled["spec"]["maxReplicaCount"], "keda.yaml: min is above max")
    (trigger,) = scaled["spec"]["triggers"]
    check(trigger["authenticationRef"]["name"] == authentication["metadata"]["name"], "keda.yaml: whose authentication?")
    read, asked = config["input"]["kafka"], trigger["metadata"]
    check(all(isinstance(value, str) for value in asked.values()), "keda.yaml: all metadata are texts")
    check([asked["topic"]] == read["topics"], "keda.yaml: another topic than the pipeline reads")
    check(asked["consumerGroup"] == read["consumer_group"], "keda.yaml: another group than the pipeline's")
    check(asked["bootstrapServers"].split(",") == read["addresses"], "keda.yaml: other brokers than the pipeline's")
    mechanism = read["sasl"]["mechanism"].lower().replace("scram-sha-", "scram_sha")
    check(asked["sasl"] == mechanism, "keda.yaml: another mechanism than the pipeline's")
    named = {one["name"] for one in authentication["spec"]["secretTargetRef"]}
    check(named == secrets, "keda.yaml: another Secret than the pipeline's")


def unit():
    parser = configparser.ConfigParser(strict=False, interpolation=None)
    parser.optionxform = str
    parser.read(DEPLOY / "nerodia.service")
    service = parser["Service"]
    check(seconds(service["TimeoutStopSec"]) > shutdown_timeout({}), "nerodia.service: TimeoutStopSec is too short")
    check("MemoryDenyWriteExecute" not in service, "nerodia.service: the compiled runtime could not be mapped")
    check("2" in service["RestartPreventExitStatus"].split(), "nerodia.service: a wrong config would be tried again")


if sys.argv[1:] == ["config"]:
    sys.stdout.write(pipeline()["data"]["pipeline.yaml"])
else:
    alerts()
    dashboard()
    unit()
    keda(*kubernetes())
    for problem in problems:
        print(problem, file=sys.stderr)
    sys.exit(bool(problems))
