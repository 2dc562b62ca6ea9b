"""A real tamisd in a temporary folder, driven by the real `tamis`: what the system, crash and bench tests stand on."""

import json
import os
import pathlib
import re
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import threading
import time
import urllib.request


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def metrics_of(port):
    """Every line of /metrics by its name, labels and all."""
    text = urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10).read().decode()
    return {m[1]: float(m[2]) for m in re.finditer(r"^([^#\s]+) (\S+)$", text, re.M)}


def until(what, asked, told=lambda: "", seconds=60):
    """Asks until it is so; `told` is for who reads that it never was."""
    deadline = time.monotonic() + seconds
    while not asked():
        assert time.monotonic() < deadline, f"never: {what}\n{told()}"
        time.sleep(0.05)


def write_model(path, parameters):
    """A safetensors file of one float32 tensor of zeros, padded as PROTOCOL.md says."""
    header = json.dumps({"weight": {"dtype": "F32", "shape": [parameters],
                                    "data_offsets": [0, 4 * parameters]}}, separators=(",", ":")).encode()
    header += b" " * (-(len(header) + 8) % 64)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(header)) + header)
        file.truncate(8 + len(header) + 4 * parameters)


class Federation:
    def __init__(self, binaries, listen=None):
        self.binaries = pathlib.Path(binaries)
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="tamis-test-"))
        self.home = self.folder / "home"
        self.address = listen or f"127.0.0.1:{free_port()}"
        self.server = None
        self.log = open(self.folder / "tamisd.log", "ab")
        self.tamis("init", str(self.home), "--origin", "test.tamis/log", "--listen", self.address)

    def tamis(self, *arguments, check=True):
        """Runs `tamis -o json ...`; gives the `data` of its answer."""
        done = subprocess.run([self.binaries / "tamis", "--home", self.home, "-o", "json", *arguments],
                              capture_output=True, text=True, timeout=300)
        if check and done.returncode != 0:
            raise RuntimeError(f"tamis {' '.join(arguments)}: exit {done.returncode}\n{done.stdout}{done.stderr}")
        answer = json.loads(done.stdout) if done.stdout.strip() else {}
        return answer.get("data", answer) if check else (done.returncode, answer)

    def start(self):
        ready = self.folder / "ready"
        ready.unlink(missing_ok=True)
        self.server = subprocess.Popen(
            [self.binaries / "tamisd", "--config", self.home / "tamisd.yaml", "--ready-file", ready],
            stdout=self.log, stderr=self.log)
        for _ in range(1500):
            if ready.exists():
                return
            if self.server.poll() is not None:
                raise RuntimeError(f"tamisd ended with {self.server.returncode}:\n{self.log_end()}")
            time.sleep(0.02)
        raise RuntimeError("tamisd did not get ready in 30 s:\n" + self.log_end())

    def kill(self):
        self.server.send_signal(signal.SIGKILL)
        self.server.wait()

    def stop(self):
        if self.server and self.server.poll() is None:
            self.server.terminate()
            try:
                return self.server.wait(30)
            except subprocess.TimeoutExpired:
                self.kill()
                raise RuntimeError("tamisd did not stop within 30 s of SIGTERM")
        return self.server.returncode if self.server else None

    def log_end(self):
        return (self.folder / "tamisd.log").read_text(errors="replace")[-3000:]

    def invite(self, count, prefix="load"):
        """A file with one invitation a line."""
        path = self.folder / f"{prefix}.invitations"
        lines = [self.tamis("client", "invite", f"{prefix}-{i:03}", "--organisation", "test")["invitation"]
                 for i in range(count)]
        path.write_text("\n".join(lines) + "\n")
        return path

    def create(self, name, parameters, rule, *options):
        model = self.folder / f"{name}.safetensors"
        write_model(model, parameters)
        return self.tamis("federation", "create", name, "--model", str(model), "--rule", rule, *options)

    def resident(self):
        """(now, peak) resident bytes of tamisd."""
        text = pathlib.Path(f"/proc/{self.server.pid}/status").read_text()
        value = {line.split(":")[0]: int(line.split()[1]) * 1024 for line in text.splitlines() if line.startswith("Vm")}
        return value["VmRSS"], value["VmHWM"]

    def close(self, keep=False):
        try:
            self.stop()
        finally:
            self.log.close()
            if keep or os.environ.get("TAMIS_KEEP"):
                print(f"left in {self.folder}")
            else:
                shutil.rmtree(self.folder, ignore_errors=True)


class Load:
    """Clients that take part without end; each acknowledgement is their word that an update is safe."""

    def __init__(self, federation, clients):
        self.federation, self.acknowledged = federation, []  # client, federation, round, entry
        invitations, states = federation.invite(clients), federation.folder / "states"
        states.mkdir()
        with open(federation.folder / "load.log", "wb") as log:
            self.process = subprocess.Popen([federation.binaries / "load_clients", states, invitations, "1000000"],
                                            stdout=subprocess.PIPE, stderr=log, text=True)
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()

    def read(self):
        self.acknowledged.extend(line.split()[1:] for line in self.process.stdout)

    def end(self):
        self.process.terminate()
        self.process.wait()
        self.reader.join(10)

    def lost(self):
        """The acknowledgements that the log does not bear out."""
        rows = self.federation.tamis("log", "show", "--kind", "update", "--count", "1000000")
        entries = {row["index"]: (row["client"], int(row["round"])) for row in rows}
        return [ack for ack in self.acknowledged if entries.get(int(ack[3])) != (ack[0], int(ack[2]))]
