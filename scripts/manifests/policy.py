"""What rendered manifests have to keep to: policy.py NAME < rendered.yaml. `--self-test` breaks each rule once and wants it noticed."""

import copy
import re
import sys

import yaml

WORKLOADS = ("Deployment", "StatefulSet", "DaemonSet", "Job")
SERVICES = ("gateway", "user-service", "session-service", "image-worker", "shard-router")
# Our images in production are named by what they are; those of others by an exact version.
DIGEST = re.compile(r"^[^@]+:[^:@]+@sha256:[0-9a-f]{64}$")
VERSION = re.compile(r"^[^@]+:v?\d+\.\d+[^@]*$")


def name_of(object):
    return f"{object['kind']}/{object['metadata']['name']}"


def instances(object, scaled):
    """How many there are of a role at least; none where the object is no role, or an autoscaler's bound says it."""
    kind, spec = object["kind"], object.get("spec", {})
    if kind in ("Deployment", "StatefulSet", "RabbitmqCluster"):
        return None if "replicas" not in spec and object["metadata"]["name"] in scaled else spec.get("replicas", 1)
    if kind == "Cluster":
        return spec.get("instances", 1)
    if kind == "HorizontalPodAutoscaler":
        return spec.get("minReplicas", 1)
    if kind == "ScaledObject":
        return spec.get("minReplicaCount", 0)
    return None


def container_problems(where, pod, container):
    security = container.get("securityContext", {})
    limits = container.get("resources", {}).get("limits", {})
    requests = container.get("resources", {}).get("requests", {})
    for what in ("cpu", "memory"):
        if what not in limits:
            yield f"{where}: no limit of {what}"
        if what not in requests:
            yield f"{where}: no request of {what}"
    if security.get("privileged"):
        yield f"{where}: privileged"
    if security.get("allowPrivilegeEscalation") is not False:
        yield f"{where}: may gain privileges"
    if security.get("readOnlyRootFilesystem") is not True:
        yield f"{where}: its root file system can be written"
    if "ALL" not in security.get("capabilities", {}).get("drop", []):
        yield f"{where}: keeps capabilities"
    if not pod.get("securityContext", {}).get("runAsNonRoot"):
        yield f"{where}: may run as root"
    if pod.get("securityContext", {}).get("seccompProfile", {}).get("type") != "RuntimeDefault":
        yield f"{where}: no seccomp profile"


def image_problems(where, image, production):
    if production and "/myriad/" in image and not DIGEST.match(image):
        yield f"{where}: {image} can be replaced under its name: in production images are named with their digest"
    elif image.endswith(":latest") or ":" not in image.rsplit("/", 1)[-1]:
        yield f"{where}: {image} is whatever is latest"
    elif production and "/myriad/" not in image and not VERSION.match(image):
        yield f"{where}: {image} has no exact version"


def problems(objects, production):
    policies = [o for o in objects if o["kind"] == "NetworkPolicy"]
    if not any(p["spec"]["podSelector"] == {} and set(p["spec"]["policyTypes"]) == {"Ingress", "Egress"} and not p["spec"].get("ingress") for p in policies):
        yield "no NetworkPolicy denies everything that is not allowed"
    for service in SERVICES:
        for kind in ("Deployment", "PodDisruptionBudget", "ServiceAccount", "NetworkPolicy", "Service"):
            if not any(o["kind"] == kind and o["metadata"]["name"] == service for o in objects):
                yield f"no {kind} of {service}"
    scaled = [o["spec"]["scaleTargetRef"]["name"] for o in objects if o["kind"] in ("HorizontalPodAutoscaler", "ScaledObject")]
    for object in objects:
        where = name_of(object)
        if object["metadata"]["name"] in scaled and object["kind"] == "Deployment" and "replicas" in object["spec"]:
            yield f"{where}: has a number of its own and an autoscaler's"
        if object["kind"] not in ("Namespace",) and object["metadata"].get("namespace") != "myriad":
            yield f"{where}: in no namespace of ours"
        count = instances(object, scaled)
        if production and count is not None and int(count) < 2:
            yield f"{where}: one instance alone; every role has two at least"
        if object["kind"] == "Secret" and production:
            yield f"{where}: secrets of production are not in this repository"
        if object["kind"] in ("RabbitmqCluster", "Cluster"):
            spec = object["spec"]
            yield from image_problems(where, spec.get("image") or spec.get("imageName") or "", production)
            if "limits" not in spec.get("resources", {}):
                yield f"{where}: no limits"
        if object["kind"] not in WORKLOADS:
            continue
        pod = object["spec"]["template"]["spec"]
        if pod.get("automountServiceAccountToken") is not False:
            yield f"{where}: has a token of the API server"
        if pod.get("enableServiceLinks") is not False:
            yield f"{where}: has a variable for each Service"
        if pod.get("hostNetwork") or pod.get("hostPID"):
            yield f"{where}: shares the node's namespaces"
        for container in pod["containers"] + pod.get("initContainers", []):
            yield from container_problems(f"{where}/{container['name']}", pod, container)
            yield from image_problems(where, container["image"], production)
        for container in pod["containers"]:
            for probe in ("readinessProbe", "livenessProbe"):
                if probe not in container:
                    yield f"{where}/{container['name']}: no {probe}"
        if object["metadata"]["name"] in SERVICES:
            if object["spec"]["strategy"]["rollingUpdate"]["maxUnavailable"] != 0:
                yield f"{where}: a roll-out may take pods away before others are ready"
    yield from shard_problems(objects)


def shard_problems(objects):
    """As many databases as the value `shards` says."""
    router = next((o for o in objects if name_of(o) == "Deployment/shard-router"), None)
    if router is None:
        return
    env = {e["name"]: e.get("value") for e in router["spec"]["template"]["spec"]["containers"][0]["env"]}
    said = int(env["MYRIAD_SHARD_ROUTER__SHARDS"])
    there = [o for o in objects if o["kind"] == "Cluster" and o["metadata"]["name"].startswith("shard-")]
    there = len(there) or sum(int(o["spec"]["replicas"]) for o in objects if name_of(o) == "StatefulSet/shard")
    if there != said:
        yield f"the value shards is {said}, and there are {there} databases for shards"


def service_of(objects, name, kind="Deployment"):
    return next(o for o in objects if o["kind"] == kind and o["metadata"]["name"] == name)


def self_test(objects):
    """Each break must be noticed, with words that name it."""

    def container(objects, name="gateway"):
        return service_of(objects, name)["spec"]["template"]["spec"]["containers"][0]

    breaks = {
        "Deployment/shard-router: one instance alone": lambda o: service_of(o, "shard-router")["spec"].update(replicas=1),
        "HorizontalPodAutoscaler/gateway: one instance": lambda o: service_of(o, "gateway", "HorizontalPodAutoscaler")["spec"].update(minReplicas=1),
        "ScaledObject/image-worker: one instance": lambda o: service_of(o, "image-worker", "ScaledObject")["spec"].update(minReplicaCount=0),
        "a number of its own": lambda o: service_of(o, "gateway")["spec"].update(replicas=6),
        "no limit of memory": lambda o: container(o)["resources"]["limits"].pop("memory"),
        "can be replaced": lambda o: container(o).update(image="registry.example/myriad/gateway:0.1.0"),
        "whatever is latest": lambda o: service_of(o, "prometheus")["spec"]["template"]["spec"]["containers"][0].update(image="prom/prometheus"),
        "privileged": lambda o: container(o)["securityContext"].update(privileged=True),
        "can be written": lambda o: container(o)["securityContext"].pop("readOnlyRootFilesystem"),
        "may run as root": lambda o: service_of(o, "gateway")["spec"]["template"]["spec"]["securityContext"].pop("runAsNonRoot"),
        "denies everything": lambda o: o.remove(service_of(o, "deny-all", "NetworkPolicy")),
        "no PodDisruptionBudget of gateway": lambda o: o.remove(service_of(o, "gateway", "PodDisruptionBudget")),
        "no Service of image-worker": lambda o: o.remove(service_of(o, "image-worker", "Service")),
        "token of the API server": lambda o: service_of(o, "gateway")["spec"]["template"]["spec"].pop("automountServiceAccountToken"),
        "no readinessProbe": lambda o: container(o).pop("readinessProbe"),
        "may take pods away": lambda o: service_of(o, "gateway")["spec"]["strategy"]["rollingUpdate"].update(maxUnavailable=1),
        "databases for shards": lambda o: o.remove(service_of(o, "shard-3", "Cluster")),
        "Cluster/shard-1: one instance": lambda o: service_of(o, "shard-1", "Cluster")["spec"].update(instances=1),
        "secrets of production": lambda o: o.append({"kind": "Secret", "metadata": {"name": "x", "namespace": "myriad"}}),
    }
    assert not list(problems(objects, True)), list(problems(objects, True))
    for words, breaks_it in breaks.items():
        broken = copy.deepcopy(objects)
        breaks_it(broken)
        found = list(problems(broken, True))
        if not any(words in problem for problem in found):
            sys.exit(f"policy.py does not notice: {words} (found {found})")
    print(f"policy.py notices each of {len(breaks)} breaks")


def main():
    objects = [object for object in yaml.safe_load_all(sys.stdin) if object]
    if sys.argv[1] == "--self-test":
        return self_test(objects)
    found = list(problems(objects, sys.argv[1].startswith("production")))
    for problem in found:
        print(f"{sys.argv[1]}: {problem}", file=sys.stderr)
    sys.exit(1 if found else 0)


main()
