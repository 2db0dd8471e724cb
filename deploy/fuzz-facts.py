"""Gives a tenant that has a history everything else that an API can be asked about, and
writes a description of the API whose path parameters know what is really there.

    fuzz-facts.py http://127.0.0.1:8080 KEY UIDS DESCRIPTION

KEY is an access key of the scope admin, UIDS a file of UIDs, one a line; the description
goes to DESCRIPTION. A path parameter is then what the API says, or one of the ids that
were found: the fuzzer meets both.
"""

import json
import sys
import time
import urllib.error
import urllib.request

AT_MOST = 8
"""Ids of one kind that the description names."""

PATIENCE = 60
"""Seconds within which the history has to be where the API shows it."""


class Refused(Exception):
    pass


class Api:
    def __init__(self, root, key):
        self.root, self.key = root, key

    def ask(self, method, path, body=None, kind="application/json"):
        data = json.dumps(body).encode() if kind == "application/json" and body is not None else body
        request = urllib.request.Request(self.root + path, data=data, method=method)
        request.add_header("Authorization", f"Bearer {self.key}")
        if data is not None:
            request.add_header("Content-Type", kind)
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                said = answer.read()
        except urllib.error.HTTPError as error:
            raise Refused(f"{method} {path}: {error.code} {error.read().decode(errors='replace')[:500]}") from error
        return json.loads(said) if said else None

    def get(self, path):
        return self.ask("GET", path)

    def post(self, path, body=None):
        return self.ask("POST", path, body)


def eventually(api, path, not_yet, there=lambda said: True):
    """Waits until the path is answered as it shall be; until then it may answer `not_yet`."""
    end = time.monotonic() + PATIENCE
    while True:
        try:
            if there(api.get(path)):
                return
        except Refused as refused:
            if f": {not_yet} " not in str(refused):
                raise
        if time.monotonic() > end:
            raise Refused(f"{path} does not tell it within {PATIENCE} s")
        time.sleep(0.2)


def fill(api, units, bags):
    """What people of an office would have done."""
    api.post("/api/v1/holds", {"uid": units[4], "descendants": True, "reason": "held for the fuzzer"})
    api.post("/api/v1/scopes", {"name": "Cured too hot", "criteria": {"is": {"item": "FG-ACTUATOR"}}})
    recall = {"uid": bags[3], "descendants": True, "severity": "class_2", "reason": "recalled for the fuzzer"}
    api.post("/api/v1/recalls", recall)
    api.post("/api/v1/passports", {"uid": units[2]})
    definition = {
        "workflow_id": "fuzz_purchase",
        "name": "Purchase",
        "stages": [{"stage": 1, "name": "Buyer", "approver_role": "BUYER", "sla_hours": 24}],
        "start": [{"webhook": True, "subject": "Called"}],
    }
    made = api.post("/api/v1/workflows/definitions", {"definition": definition})
    api.post(f"/api/v1/workflows/definitions/{made['definition_id']}/publish", {"version": 1})
    user = {"email": "buyer@example.com", "name": "Buyer", "roles": ["BUYER"]}
    api.post("/api/v1/users", user)
    request = {"workflow": "fuzz_purchase", "subject": "Bearings", "amount": "75000", "currency": "INR"}
    api.post("/api/v1/requests", request)
    api.post("/api/v1/views", {"list": "suppliers", "name": "All", "query": ""})
    api.ask("POST", "/api/v1/files?kind=suppliers&key=TISCO&name=note.txt", b"a note", "application/octet-stream")


def listed(api, path, list_, field):
    """Ids of a list, the newest or first of it."""
    try:
        rows = api.get(path)[list_]
    except Refused as refused:
        # A list that says no is a finding of the runs, not of this.
        print(f"fuzz-facts: {refused}", file=sys.stderr)
        return []
    return [row[field] for row in rows][:AT_MOST]


def found(api, units, bags):
    """What is there, by the beginning of a path and the name of its parameter: the longest
    beginning counts."""
    recalls = listed(api, "/api/v1/recalls", "recalls", "recall_id")
    consignees = [
        consignee["consignee_id"]
        for recall in recalls[:2]
        for consignee in api.get(f"/api/v1/recalls/{recall}")["consignees"]
    ]
    events = [event["event_id"] for event in api.get(f"/api/v1/trace/{units[0]}")["events"]]
    exceptions = listed(api, "/api/v1/exceptions", "exceptions", "exception_id")
    if not exceptions:
        raise Refused("the history brought no exception")
    ids = {
        ("/api/v1/holds/", "id"): listed(api, "/api/v1/holds", "holds", "hold_id"),
        ("/api/v1/exceptions/", "id"): exceptions,
        ("/api/v1/scopes/", "id"): listed(api, "/api/v1/scopes", "scopes", "scope_id"),
        ("/api/v1/recalls/", "id"): recalls,
        ("/api/v1/recalls/", "consignee"): consignees,
        ("/api/v1/passports/", "id"): listed(api, "/api/v1/passports", "passports", "passport_id"),
        ("/api/v1/requests/", "id"): listed(api, "/api/v1/requests", "requests", "request_id"),
        ("/api/v1/workflows/definitions/", "id"): listed(
            api, "/api/v1/workflows/definitions", "definitions", "definition_id"
        ),
        ("/api/v1/workflows/instances/", "instance"): listed(
            api, "/api/v1/workflows/instances", "instances", "instance_id"
        ),
        ("/api/v1/workflows/triggers/", "id"): listed(api, "/api/v1/workflows/triggers", "triggers", "id"),
        ("/api/v1/users/", "id"): listed(api, "/api/v1/users", "users", "id"),
        ("/api/v1/deliveries/", "id"): listed(api, "/api/v1/deliveries", "deliveries", "id"),
        ("/api/v1/views/", "id"): listed(api, "/api/v1/views?list=suppliers", "views", "id"),
        ("/api/v1/files/", "id"): listed(api, "/api/v1/files?kind=suppliers&key=TISCO", "files", "id"),
        ("/api/v1/roles/", "code"): ["VIEWER", "BUYER"],
        ("/api/v1/plants/", "plant"): ["KOL", "VSK"],
        ("/api/v1/trace/", "uid"): units[:4] + bags[:2],
        ("/api/v1/trace/document/", "type"): ["po", "challan", "prodorder"],
        ("/api/v1/trace/document/", "number"): ["PO-OLD-1", "DC-OLD-0", "WO-OLD-1"],
        ("/api/v1/trace/machine/", "code"): ["OVEN-1"],
        ("/api/v1/trace/station/", "code"): ["OVEN1"],
        ("/api/v1/trace/operator/", "code"): ["op-7"],
        ("/api/v1/proofs/history/", "uid"): units[:2],
        ("/api/v1/proofs/inclusion/", "event"): events[:AT_MOST],
        ("/api/v1/dashboards/", "board"): ["quality"],
        ("/api/v1/kpis/", "kpi"): ["rejects"],
        ("/api/v1/masters/suppliers/", "code"): ["TISCO"],
        ("/api/v1/masters/items/", "code"): ["RM-STEEL-COIL", "FG-ACTUATOR"],
        ("/api/v1/masters/units/", "code"): ["kg", "pcs"],
        ("/api/v1/masters/currencies/", "code"): ["INR", "USD"],
    }
    return {place: values for place, values in ids.items() if values}


def know(description, ids):
    """Has the path parameters of the description be what is there, or anything."""
    known = 0
    for path, operations in description["paths"].items():
        parts = [operations, *(part for part in operations.values() if isinstance(part, dict))]
        for parameter in (one for part in parts for one in part.get("parameters", [])):
            if parameter.get("in") != "path":
                continue
            places = [place for place in ids if place[1] == parameter["name"] and path.startswith(place[0])]
            if not places:
                continue
            values = ids[max(places, key=lambda place: len(place[0]))]
            parameter.pop("example", None)
            parameter["examples"] = {f"known{n}": {"value": value} for n, value in enumerate(values)}
            parameter["schema"] = {"anyOf": [{"enum": values}, parameter["schema"]]}
            known += 1
    return known


def main():
    root, key, uids, to = sys.argv[1:]
    with open(uids, encoding="utf-8") as file:
        all_uids = file.read().split()
    units, bags = all_uids[0::2], all_uids[1::2]
    api = Api(root, key)
    for uid in (units[-1], bags[-1]):
        eventually(api, f"/api/v1/trace/{uid}", 404, lambda said: said["events"])
    eventually(api, "/api/v1/dashboards/executive", 503)
    fill(api, units, bags)
    ids = found(api, units, bags)
    description = api.get("/api/openapi.json")
    known = know(description, ids)
    with open(to, "w", encoding="utf-8") as file:
        json.dump(description, file)
    print(f"fuzz-facts: {sum(map(len, ids.values()))} ids of {len(ids)} kinds, in {known} parameters")


if __name__ == "__main__":
    try:
        main()
    except Refused as refused:
        sys.exit(f"fuzz-facts: {refused}")
