"""The kinds of an overlay's values: values.py FILE. Kustomize knows which are missing, not which are wrong."""

import re
import sys

import yaml

COUNT, SHARE, TEXT, FLAG = re.compile(r"^[1-9]\d*$"), re.compile(r"^(0(\.\d+)?|1(\.0+)?)$"), re.compile(r"^.*$"), re.compile(r"^(true|false)$")
QUANTITY = re.compile(r"^\d+(\.\d+)?(m|Ki|Mi|Gi|Ti)?$")
URL = re.compile(r"^(https?://[^/ ]+)?$")
KINDS = {
    r".*\.replicas|shards|autoscaling\..*": (COUNT, "a whole number from 1 on"),
    r".*\.(requests|limits)\..*|storage\..*": (QUANTITY, "a quantity such as 500m or 2Gi"),
    r"publicUrl": (re.compile(r"^https?://[^/ ]+$"), "http:// or https://, a host and no slash at the end"),
    r"cdnUrl|otlpEndpoint|objects\.endpoint": (URL, "empty, or http:// or https:// and a host"),
    r"plainCookies|objects\.plainHttp": (FLAG, '"true" or "false"'),
    r"traceRatio": (SHARE, "a number from 0 to 1"),
    r"proxies|unlimitedNetworks|shardLocations": (re.compile(r'^\[("[^"]*"(, *"[^"]*")*)?\]$'), 'a list such as ["10.0.0.0/8"]'),
    r"postgresTls": (re.compile(r"^(disable|prefer|require|verify-ca|verify-full)$"), "disable, prefer, require, verify-ca or verify-full"),
}


def leaves(value, path=""):
    if isinstance(value, dict):
        for key, below in value.items():
            yield from leaves(below, f"{path}.{key}" if path else key)
    else:
        yield path, value


def main():
    values = yaml.safe_load(open(sys.argv[1]))
    found = []
    for path, value in leaves({k: v for k, v in values.items() if k not in ("apiVersion", "kind", "metadata")}):
        shown = {True: "true", False: "false"}.get(value, str(value)) if isinstance(value, bool) else str(value)
        for pattern, (form, words) in KINDS.items():
            if re.fullmatch(pattern, path) and not form.match(shown):
                found.append(f"{sys.argv[1]}: {path} is {shown!r}: give {words}")
    sys.exit("\n".join(found) or 0)


main()
