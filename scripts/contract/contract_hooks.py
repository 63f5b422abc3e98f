"""What schemathesis cannot know by itself: who calls, which things are there, and what a problem looks like."""

import atexit
import collections
import copy
import functools
import itertools
import json
import os
import time

import jsonschema_rs
import requests
import schemathesis
from schemathesis.core.failures import Failure
from schemathesis.core.parameters import ParameterLocation
from schemathesis.transport.serialization import Binary

URL = os.environ["CONTRACT_URL"]
PASSWORD = os.environ["CONTRACT_PASSWORD"]
with open(os.environ["CONTRACT_PICTURE"], "rb") as picture:
    PICTURE = picture.read()
BLUR = [{"op": "blur", "sigma": 1.5}]

# The codes of each status: an answer that the document leaves to `default` must be one of these.
CODES = {
    400: {"MALFORMED", "BAD_CURSOR"},
    401: {"UNAUTHENTICATED", "BAD_CREDENTIALS"},
    403: {"FORBIDDEN", "BAD_CREDENTIALS", "CROSS_SITE"},
    404: {"NOT_FOUND"},
    405: {"METHOD_NOT_ALLOWED"},
    406: {"NOT_ACCEPTABLE"},
    409: {"EMAIL_TAKEN", "IDEMPOTENCY_IN_PROGRESS", "PICTURE_NOT_READY"},
    412: {"VERSION_MISMATCH"},
    413: {"BODY_TOO_LARGE", "TOO_MANY_PIXELS"},
    415: {"UNSUPPORTED_MEDIA_TYPE", "UNSUPPORTED_PICTURE"},
    416: {"RANGE_NOT_SATISFIABLE"},
    422: {"INVALID_INPUT", "WEAK_PASSWORD", "IDEMPOTENCY_KEY_REUSED"},
}
# What only a request with a body or a precondition can be answered with.
WRITES_ONLY = {409, 412, 413, 415}
WITH_PROBLEM_HEADER = {401: "www-authenticate", 405: "allow", 416: "content-range"}


class Person:
    """Somebody signed up and in."""

    _numbers = itertools.count(1)

    def __init__(self, email=None):
        self.email = email or f"contract-{next(self._numbers)}@example.com"
        if email is None:
            profile = {"email": self.email, "password": PASSWORD, "firstName": "Ada", "lastName": "Lovelace"}
            made(requests.post(f"{URL}/v1/users", json=profile, timeout=15))
        credentials = {"email": self.email, "password": PASSWORD}
        session = made(requests.post(f"{URL}/v1/sessions", json=credentials, timeout=15))
        self.id, self.session, self.authorization = session["userId"], session["id"], f"Bearer {session['token']}"

    def upload(self):
        """A picture that is done."""
        headers = {"Authorization": self.authorization}
        form = {"file": ("picture.png", PICTURE), "operations": (None, json.dumps(BLUR))}
        image = made(requests.post(f"{URL}/v1/users/{self.id}/images", headers=headers, files=form, timeout=15))
        deadline = time.monotonic() + 30
        while image["status"] != "done":
            if image["status"] == "failed" or time.monotonic() > deadline:
                raise AssertionError(f"the picture was not done: {image}")
            time.sleep(0.02)
            place = f"{URL}/v1/users/{self.id}/images/{image['id']}"
            image = made(requests.get(place, headers=headers, timeout=15))
        return image


def made(answer):
    assert answer.ok, f"{answer.request.method} {answer.url}: {answer.status_code} {answer.text}"
    return answer.json()


ADMIN = Person(os.environ["CONTRACT_ADMIN"])
MEMBER = Person()
SIGNER = Person()  # a person has 20 sessions at most, the oldest ends
IMAGE = MEMBER.upload()
KEY = IMAGE["variants"][0]["originUrl"].rsplit("/", 1)[1]


@schemathesis.auth(refresh_interval=None)
class Bearer:
    """The member calls; lists of users are the administrator's."""

    def get(self, case, _context):
        return (ADMIN if case.operation.label == "GET /v1/users" else MEMBER).authorization

    def set(self, case, data, _context):
        case.headers = {**(case.headers or {}), "Authorization": data}


PLACES = {"image": IMAGE["id"], "key": KEY, "code": "not-found"}
FILES = {"GET /assets/{file}": "app.js", "GET /v1/docs/{file}": "docs.js"}


def place(label, name):
    """What there is, for a parameter of the path."""
    if name == "file":
        return FILES[label]
    if name == "id":
        return "x" if "/sessions/" in label else MEMBER.id
    return PLACES[name]


# Operations that take away what the others stand on get somebody, or something, of their own.
def end_session(case):
    person = Person()
    case.path_parameters = {"id": person.session}
    case.headers["Authorization"] = person.authorization


def delete_user(case):
    person = Person()
    case.path_parameters = {"id": person.id}
    case.headers["Authorization"] = person.authorization


def change_password(case):
    delete_user(case)
    whole(case)


def delete_image(case):
    case.path_parameters = {"id": MEMBER.id, "image": MEMBER.upload()["id"]}


def whole(case):
    case.body = good_body(case.operation.label)


def update(case):
    case.body = {"address": {"city": "New York", "postalCode": f"0{next(NUMBERS)}"}, "phoneNumbers": None}


def upload(case):
    case.body = {"file": Binary(PICTURE), "operations": BLUR}
    case._record_starting_state()  # see mend


UPLOAD = "POST /v1/users/{id}/images"
NUMBERS = itertools.count(1)
GOOD = {
    "POST /v1/users": whole,
    "PATCH /v1/users/{id}": update,
    "DELETE /v1/users/{id}": delete_user,
    "PUT /v1/users/{id}/password": change_password,
    "PUT /v1/users/{id}/picture": whole,
    UPLOAD: upload,
    "DELETE /v1/users/{id}/images/{image}": delete_image,
    "POST /v1/sessions": whole,
    "DELETE /v1/sessions/{id}": end_session,
}
# After these nothing would be left of the member, of the e-mail and password that sign in, or of the session.
ENDS = {"PATCH /v1/users/{id}", "DELETE /v1/users/{id}", "DELETE /v1/sessions", "DELETE /v1/sessions/current",
        "PUT /v1/users/{id}/password"}
CONDITIONS = ("If-Match", "If-None-Match", "Range", "Idempotency-Key")
calls, positives = collections.Counter(), collections.Counter()
tally = collections.defaultdict(collections.Counter)
document = {}


@schemathesis.hook
def before_call(_context, case, _kwargs):
    label, meta = case.operation.label, case.meta
    # Probes of other methods, and without the credentials or with others, are sent as they are.
    sender = (case.headers or {}).get("Authorization")
    if case.method.upper() != label.split()[0] or sender not in (MEMBER.authorization, ADMIN.authorization):
        return
    calls[label] += 1
    turn = calls[label]
    person = MEMBER
    if label in ENDS:
        person = Person()
        case.headers["Authorization"] = person.authorization
    if meta is None:
        return
    is_good = False
    if meta.generation.mode.is_positive:
        positives[label] += 1
        is_good = positives[label] <= 6 or positives[label] % 2 == 1
    # A made-up id only says "not found": two of three times it is one of a thing that is there.
    if case.path_parameters and (is_good or turn % 3 != 2) and not meta.is_negative_at(ParameterLocation.PATH):
        case.path_parameters = {
            name: person.id if name == "id" and "/sessions/" not in label else place(label, name)
            for name in case.path_parameters
        }
    mended = isinstance(case.body, dict) and (meta.generation.mode.is_negative or turn % 4 != 3)
    if mended:
        mend(case, label)
    if (mended or is_good) and not meta.is_negative_at(ParameterLocation.HEADER):
        for name in CONDITIONS:
            case.headers.pop(name, None)
    if is_good:
        case.query = {}
        if label in GOOD:
            GOOD[label](case)
        elif label.startswith("GET "):
            look(case, label, positives[label])


def look(case, label, turn):
    """The ways to read: with what is known already, in parts, as a stranger, as a person who wants a page, plainly."""
    way = turn % 6
    if way == 1:
        case.headers["If-None-Match"] = "*"
    elif way in (2, 3) and label == "GET /v1/media/{key}":
        case.headers["Range"] = "bytes=10-19" if way == 2 else "bytes=100000000-"
    elif way == 4 and {} in case.operation.definition.raw["security"]:
        del case.headers["Authorization"]
    elif way == 5 and "text/html" in case.operation.definition.raw["responses"]["200"].get("content", {}):
        case.headers["Accept"] = "text/html"


def mend(case, label):
    """Of a body with one thing wrong, the rest is made good: else a made-up e-mail would be all that is found."""
    if label == UPLOAD:
        if isinstance(case.body.get("file"), str):
            case.body["file"] = Binary(PICTURE)
            # Schemathesis takes every body with bytes in it that a hook has changed for a wrong one.
            case._record_starting_state()
        return
    schema = next(iter(case.operation.definition.raw["requestBody"]["content"].values()))["schema"]["$ref"]
    for name, value in good_body(label).items():
        if name in case.body and fits(f"{schema}/properties/{name}", case.body[name]):
            case.body[name] = value


def good_body(label):
    email = f"contract-new-{next(NUMBERS)}@example.com"
    names = {"firstName": "Grace", "lastName": "Hopper", "address": {"postalCode": 10021}, "phoneNumbers": ["1"]}
    return {
        "POST /v1/users": {"email": email, "password": PASSWORD, **names},
        "PATCH /v1/users/{id}": {"email": email, **names},
        "PUT /v1/users/{id}/password": {"currentPassword": PASSWORD, "newPassword": PASSWORD + "!"},
        "PUT /v1/users/{id}/picture": {"imageId": IMAGE["id"]},
        "POST /v1/sessions": {"email": SIGNER.email, "password": PASSWORD},
    }[label]


@functools.cache
def validator(reference):
    return jsonschema_rs.validator_for({"$ref": reference, "components": document["components"]})


def fits(reference, value):
    return validator(reference).is_valid(value)


@schemathesis.hook
def after_call(_context, case, response):
    if case.method.upper() == case.operation.label.split()[0]:
        tally[case.operation.label][response.status_code] += 1


@atexit.register
def write_tally():
    with open(os.environ["CONTRACT_TALLY"], "w") as out:
        json.dump(tally, out)


@schemathesis.hook
def before_load_schema(_context, raw_schema):
    """OpenAPI 3.1 has no word for the events of a stream: where the document says text, this says what each event is."""
    document.update(copy.deepcopy(raw_schema))
    for methods in raw_schema["paths"].values():
        for operation in methods.values():
            stream = operation["responses"].get("200", {}).get("content", {}).get("text/event-stream")
            if stream and stream["schema"] == {"type": "string"}:
                image = {"$ref": "#/components/schemas/Image"}
                data = {"type": "string", "contentMediaType": "application/json", "contentSchema": image}
                fields = {"event": {"const": "status"}, "data": data}
                stream["schema"] = {"type": "object", "required": ["event", "data"], "properties": fields}


def told(condition, title, message):
    if not condition:
        raise Failure(operation="", title=title, message=message)


@schemathesis.check
def problems_are_as_documented(_ctx, response, case):
    """`default` stands for problems with a known code, and for nothing else."""
    status = response.status_code
    documented = str(status) in case.operation.definition.raw.get("responses", {})
    if status < 400:
        is_options = case.method.upper() == "OPTIONS" and status == 204
        told(documented or is_options, "Undocumented status", f"{status} is not in the document")
        return
    kind = response.headers.get("content-type", [""])[0]
    told(kind == "application/problem+json", "Error without a problem", f"{status} came as {kind!r}")
    if case.method.upper() == "HEAD":
        return
    problem = response.json()
    code = problem["code"]
    told(code in CODES.get(status, ()), "Undocumented problem", f"{status} {code}")
    told(problem["status"] == status, "Wrong status in a problem", f"{problem['status']} in an answer of {status}")
    told(problem["type"].endswith("/" + code.lower().replace("_", "-")), "Wrong type of problem", problem["type"])
    told(problem.get("errors") or code != "INVALID_INPUT", "Input refused without a reason", json.dumps(problem))
    for error in problem.get("errors", []):
        places = {"pointer", "parameter", "header"} & error.keys()
        told(len(places) == 1, "An error in one place", json.dumps(error))
    header = WITH_PROBLEM_HEADER.get(status)
    told(header is None or header in response.headers, "Header missing", f"{status} without {header}")
    if case.method.upper() in ("GET", "DELETE"):
        never = WRITES_ONLY - ({412} if case.method.upper() == "DELETE" else set())
        told(status not in never, "Undocumented status", f"{status} {code} for {case.method}")
