"""Every query of the dashboard and of the rules is understood by a real Prometheus, and asks for metrics that this code has.

Starts Prometheus on a free port of loopback with nothing to scrape, and sends it each query.
"""

import json
import re
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]


def queries():
    dashboard = json.loads((ROOT / "deploy/observability/dashboard.json").read_text())
    for panel in dashboard["panels"]:
        for target in panel["targets"]:
            yield f"panel {panel['title']!r}", target["expr"]
    for file in ("tiers.yml", "alerts.yml"):
        for group in yaml.safe_load((ROOT / "deploy/observability" / file).read_text())["groups"]:
            for rule in group["rules"]:
                yield f"{file}: {rule.get('record') or rule['alert']}", rule["expr"]


def known():
    """Names of metrics in the code, and those that the rules record."""
    code = "".join(path.read_text() for path in (ROOT / "crates").glob("*/src/**/*.rs"))
    names = set(re.findall(r'"((?:myriad|http_server|grpc_server|gateway)_[a-z_]+)"', code))
    rules = yaml.safe_load((ROOT / "deploy/observability/tiers.yml").read_text())["groups"]
    return names, {rule["record"] for group in rules for rule in group["rules"]}


def port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def ask(url, query):
    try:
        with urllib.request.urlopen(f"{url}/api/v1/query?{urllib.parse.urlencode({'query': query})}", timeout=10) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as error:
        return json.load(error)


def main():
    names, recorded = known()
    problems = []
    with tempfile.TemporaryDirectory() as directory:
        config = Path(directory) / "prometheus.yml"
        config.write_text("global: {scrape_interval: 60s}\n")
        address = f"127.0.0.1:{port()}"
        command = ["prometheus", f"--config.file={config}", f"--storage.tsdb.path={directory}/data", f"--web.listen-address={address}"]
        server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            wait(f"http://{address}")
            count = 0
            for where, query in queries():
                count += 1
                answer = ask(f"http://{address}", query)
                if answer["status"] != "success":
                    problems.append(f"{where}: {answer.get('error')}")
                for name in re.findall(r"\b(?:tier:[a-z_:0-9]+|(?:myriad|http_server|grpc_server|gateway)_[a-z_]+)\b", query):
                    base = re.sub(r"_(bucket|count|sum)$", "", name)
                    if name not in recorded and name not in names and base not in names:
                        problems.append(f"{where}: nothing is called {name}")
            if ask(f"http://{address}", "sum(rate(x[1m])")["status"] == "success":
                problems.append("a query that is none was taken")
        finally:
            server.terminate()
            server.wait()
    if problems:
        sys.exit("\n".join(problems))
    print(f"{count} queries of the dashboard, the rules and the alerts are understood by Prometheus")


def wait(url):
    for _ in range(100):
        try:
            urllib.request.urlopen(f"{url}/-/ready", timeout=1)
            return
        except OSError:
            time.sleep(0.1)
    sys.exit("prometheus does not start")


main()
