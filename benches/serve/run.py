"""The command as people use it: how fast it indexes and answers, and `gossamer serve` under load by wrk.

usage: run.py GOSSAMER SQUAD SAMPLES OUT.json

LOAD_SECONDS (600): how long the steady load runs; SHORT_SECONDS (a twentieth): one client, and overload. PASSAGES (2000):
of SQuAD, indexed as one file per article. While wrk floods, a client of its own asks and adds documents like a patient
user: what it was promised is looked for at the end.
"""

import gzip
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from urllib.parse import quote

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "paper"))
import common  # noqa: E402

SECONDS = int(os.environ.get("LOAD_SECONDS", "600"))
SHORT = int(os.environ.get("SHORT_SECONDS", max(3, SECONDS // 20)))
PASSAGES = int(os.environ.get("PASSAGES", "2000"))
PORT = 7791


def percentiles(times):
    times = sorted(times)
    at = lambda share: round(times[min(len(times) - 1, int(len(times) * share))] * 1e3, 1)
    return {"p50_ms": at(0.5), "p95_ms": at(0.95), "p99_ms": at(0.99), "max_ms": at(1)}


def memory(process, name="VmRSS"):
    for line in open(f"/proc/{process.pid}/status"):
        if line.startswith(name):
            return round(int(line.split()[1]) / 1024, 1)


def indexed(gossamer, folder, index, what):
    start = time.perf_counter()
    command = [gossamer, "index", folder, "--index", index, "--backend", "cpu", "--json", "--quiet"]
    child = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    # Files that cannot be read, of which the samples have some, are no failure here.
    used = os.wait4(child.pid, 0)[2]
    seconds = time.perf_counter() - start
    stats = json.loads(subprocess.run([gossamer, "stats", "--index", index, "--json"], check=True, capture_output=True).stdout)
    chunks, cpu = stats["chunks"], used.ru_utime + used.ru_stime
    return {
        "what": f"index {what}",
        "chunks": chunks,
        "seconds": round(seconds, 1),
        "cpu_seconds": round(cpu, 1),
        "chunks_per_second": round(chunks / seconds, 1),
        "chunks_per_cpu_second": round(chunks / cpu, 1),
        "peak_mib": round(used.ru_maxrss / 1024),
    }


def asked(gossamer, index, questions):
    """Questions one after the other to one process over MCP's standard input and output: no HTTP."""
    command = [gossamer, "mcp", "--index", index, "--backend", "cpu", "--read-only"]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)

    def call(method, params, number):
        process.stdin.write(json.dumps({"jsonrpc": "2.0", "id": number, "method": method, "params": params}) + "\n")
        process.stdin.flush()
        return json.loads(process.stdout.readline())

    call("initialize", {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "bench", "version": "1"}}, 0)
    process.stdin.write('{"jsonrpc":"2.0","method":"notifications/initialized"}\n')
    times = []
    for number, question in enumerate(questions, 1):
        start = time.perf_counter()
        answer = call("tools/call", {"name": "search", "arguments": {"question": question, "k": 3}}, number)
        times.append(time.perf_counter() - start)
        assert not answer["result"].get("isError"), answer
    process.stdin.close()
    process.wait()
    # The first reads the words of the index.
    return {"what": "a question without HTTP", "questions": len(times) - 1, "first_ms": round(times[0] * 1e3, 1), **percentiles(times[1:])}


def started(gossamer, index, question):
    """From nothing to an answer: the process, the model with its self-test, the index, the question."""
    times = []
    for _ in range(7):
        start = time.perf_counter()
        subprocess.run([gossamer, "search", question, "--index", index, "--backend", "cpu", "--quiet"], check=True, stdout=subprocess.DEVNULL)
        times.append(time.perf_counter() - start)
    size = os.stat(gossamer).st_size
    return {"what": "a search, process and model started for it", "runs": len(times), "best_ms": round(min(times) * 1e3, 1), "p50_ms": round(statistics.median(times) * 1e3, 1), "binary_bytes": size}


def http(path, body=None):
    """Status, body, seconds."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(f"http://127.0.0.1:{PORT}{path}", data, {"Content-Type": "application/json"})
    start = time.perf_counter()
    try:
        with urllib.request.urlopen(request, timeout=120) as answer:
            return answer.status, answer.read(), time.perf_counter() - start
    except urllib.error.HTTPError as error:
        return error.code, error.read(), time.perf_counter() - start


class Patient(threading.Thread):
    """Asks and adds while others flood; comes again when it is refused. Remembers what it was promised."""

    def __init__(self, questions, name):
        super().__init__(daemon=True)
        self.document = "promised, " + name
        self.questions, self.going, self.times, self.promised, self.refused, self.failed = questions, True, [], [], 0, []

    def patiently(self, path, body):
        start = time.perf_counter()
        while self.going:
            status, answer, _ = http(path, body)
            if status in (200, 201):
                self.times.append(time.perf_counter() - start)
                return True
            if status != 503:
                self.failed.append((status, answer[:200].decode()))
                return False
            self.refused += 1
            time.sleep(0.2)
        return False

    def run(self):
        number = 0
        while self.going:
            number += 1
            self.patiently("/api/search", {"question": self.questions[number % len(self.questions)], "k": 3})
            name = f"{self.document}, {number}"
            if self.patiently("/api/documents", {"documents": [{"document": name, "text": f"Promise number {number}."}]}):
                self.promised.append(name)
            time.sleep(1)


def load(process, bodies, connections, seconds, questions, what):
    patient = Patient(questions, what)
    patient.start()
    resident = []
    env = {**os.environ, "QUESTIONS": str(bodies)}
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "60s", "-s", str(HERE / "ask.lua"), f"http://127.0.0.1:{PORT}"]
    wrk = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=env)
    while wrk.poll() is None:
        resident.append(memory(process))
        time.sleep(min(5, seconds / 10))
    patient.going = False
    patient.join()
    report = json.loads(next(line for line in wrk.stdout.read().splitlines() if line.startswith("{")))
    row = {"what": what, "connections": connections, **report}
    row["answers_per_second"] = round(report["answered"] / report["seconds"], 2)
    row["refusals_per_second"] = round(report["refused"] / report["seconds"], 2)
    row["resident_mib"] = [resident[0], round(statistics.median(resident), 1), resident[-1], max(resident)]
    row["patient"] = {"requests": len(patient.times), "refused": patient.refused, "failed": patient.failed[:3], "promised": len(patient.promised)}
    if patient.times:
        row["patient"].update(percentiles(patient.times))
    print(json.dumps(row), flush=True)
    return row, patient.promised


def main(gossamer, squad, samples, out):
    squad = pathlib.Path(squad)
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        articles = {}
        with gzip.open(squad / "passages.jsonl.gz", "rt", encoding="utf-8") as lines:
            for line, _ in zip(lines, range(PASSAGES)):
                passage = json.loads(line)
                articles.setdefault(passage["title"], []).append(passage["text"].strip())
        (folder / "squad").mkdir()
        for title, texts in articles.items():
            (folder / "squad" / (title.replace("/", "_") + ".txt")).write_text("\n\n".join(texts), encoding="utf-8")
        questions = [json.loads(line)["text"] for line in open(squad / "queries.jsonl", encoding="utf-8")]
        bodies = folder / "bodies.txt"
        bodies.write_text("".join(json.dumps({"question": q, "k": 3}) + "\n" for q in questions))
        rows = [indexed(gossamer, samples, folder / "samples.idx", "the samples, the model opened too")]
        rows.append(indexed(gossamer, folder / "squad", folder / "squad.idx", f"{PASSAGES} SQuAD passages, the model opened too"))
        rows.append(asked(gossamer, folder / "squad.idx", questions[:201]))
        rows.append(started(gossamer, folder / "squad.idx", questions[0]))
        for row in rows:
            print(json.dumps(row), flush=True)
        command = [gossamer, "serve", "--index", folder / "squad.idx", "--port", str(PORT), "--backend", "cpu"]
        server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            while True:
                try:
                    http("/api/health")
                    break
                except OSError:
                    time.sleep(0.2)
            promised = []
            for connections, seconds, what in ((1, SHORT, "one client"), (8, SECONDS, "steady load"), (256, SHORT, "overload")):
                row, more = load(server, bodies, connections, seconds, questions, what)
                rows.append(row)
                promised += more
            there = sum(http(f"/api/documents/{quote(name)}")[0] == 200 for name in promised)
            server.terminate()
            code = server.wait(timeout=60)
        finally:
            server.kill()
        verify = subprocess.run([gossamer, "verify", "--index", folder / "squad.idx"], capture_output=True).returncode
        rows.append({"what": "afterwards", "promised": len(promised), "there": there, "exit_code": code, "verify": verify})
        print(json.dumps(rows[-1]))
    data = f"SQuAD v1.1, {PASSAGES} passages; the samples"
    common.OUT = pathlib.Path(out).parent
    common.save(pathlib.Path(out).stem, rows, data)


if __name__ == "__main__":
    main(*sys.argv[1:])
