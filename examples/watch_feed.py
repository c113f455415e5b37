"""Follows a run from Python: shows the events of the feed, and reads from the record those that the feed missed.

Needs pyzmq. Run it where the run was started: python watch_feed.py tcp://127.0.0.1:5599
"""

import json
import sys
from pathlib import Path

import zmq

feed = zmq.Context.instance().socket(zmq.SUB)
feed.connect(sys.argv[1])
feed.subscribe("")  # of every run; or the name of one

seen = 0  # the number of the last event; they count from 1 without gaps
ended = False
while not ended:
    run, line = feed.recv_multipart()
    events = [json.loads(line)]
    if events[0]["seq"] > seen + 1:  # we began late, or lines were lost; every line is on disk before it is sent
        with (Path(run.decode()) / "journal.jsonl").open("rb") as record:
            events = [json.loads(stored) for stored in record if stored.endswith(b"\n")]
    for event in events:
        if event["seq"] > seen:
            seen, kind = event["seq"], event["type"]
            print(seen, kind, event["outcome"].get("metrics", "failed") if kind == "architecture-measured" else "")
            ended = kind == "run-ended"
