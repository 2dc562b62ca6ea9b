"""TLS and mutual TLS as a device with libtamis and an operator with `tamis` meet it: the right certificates work, the wrong ones,
none, and plain text do not, and nobody is let in by accident."""

import json
import shutil
import subprocess

from stage import Stage, binaries


def openssl(folder, *arguments):
    subprocess.run(["openssl", *arguments], check=True, capture_output=True, cwd=folder)


def certificates(folder):
    """ca.pem signs server and device; other.pem is an authority that nobody here asked, and signs stranger."""
    for ca in ("ca", "other"):
        openssl(folder, "req", "-x509", "-newkey", "ed25519", "-nodes", "-keyout", f"{ca}.key", "-out", f"{ca}.pem", "-days", "2",
                "-subj", f"/CN={ca}")
    for name, ca in (("server", "ca"), ("device", "ca"), ("stranger", "other")):
        openssl(folder, "req", "-newkey", "ed25519", "-nodes", "-keyout", f"{name}.key", "-out", f"{name}.csr", "-subj",
                f"/CN={name}", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1")
        openssl(folder, "x509", "-req", "-in", f"{name}.csr", "-CA", f"{ca}.pem", "-CAkey", f"{ca}.key", "-CAcreateserial", "-out",
                f"{name}.pem", "-days", "2", "-copy_extensions", "copy")


def enrol(stage, name, line, *files):
    """What libtamis says with these PEM files: "OK ", or a status and a sentence."""
    paths = [stage.home / file for file in files]
    done = subprocess.run([binaries / "enrol_once", stage.folder / f"device-{name}", stage.address, line, *paths],
                          capture_output=True, text=True, timeout=60)
    assert done.stdout, done
    return done.stdout.strip()


def operator(stage, *files, expected):
    server = stage.home / "operator" / "server.json"
    known = {k: v for k, v in json.loads(server.read_text()).items() if k in ("address", "log_vkey")}
    for key, file in zip(("ca", "certificate", "key"), files):
        if file:
            shutil.copy(stage.home / file, server.parent / file)
            known[key] = file
    server.write_text(json.dumps(known))
    done = subprocess.run([binaries / "tamis", "--home", stage.home, "--timeout", "2s", "federation", "list"], capture_output=True,
                          text=True, timeout=30)
    assert done.returncode == expected, (files, done)


def rows(is_mutual):
    """Name, PEM files, and whether they are good enough."""
    return [("good", ("ca.pem", "device.pem", "device.key"), True),
            ("anonymous", ("ca.pem",), not is_mutual),
            ("wrong_ca", ("other.pem", "device.pem", "device.key"), False),
            ("stranger", ("ca.pem", "stranger.pem", "stranger.key"), not is_mutual),
            ("plain", (), False)]


def main():
    stage = Stage()
    try:
        lines = {f"{name}-{mode}": stage.line(f"{name}-{mode}")
                 for mode in ("tls", "mutual") for name, _, _ in rows(False)}
        certificates(stage.home)
        config = stage.home / "tamisd.yaml"
        plain = config.read_text()
        for mode, tls in (("tls", "{certificate: server.pem, key: server.key}"),
                          ("mutual", "{certificate: server.pem, key: server.key, client_ca: ca.pem}")):
            stage.stop()
            config.write_text(f"{plain}\ntls: {tls}\n")
            stage.start()
            for name, files, is_good in rows(mode == "mutual"):
                said = enrol(stage, f"{name}-{mode}", lines[f"{name}-{mode}"], *files)
                assert said == "OK" if is_good else said.startswith("UNAVAILABLE ") and len(said) > 40, (mode, name, said)
                operator(stage, *files, expected=0 if is_good else 7)
                print(f"ok     {mode} {name}: {said[:100]}", flush=True)
            operator(stage, "ca.pem", "device.pem", "device.key", expected=0)
        enrolled = {e["client"] for e in stage.tamis("log", "show", "--kind", "key-enrol", "--count", "100")}
        assert enrolled == {"good-tls", "anonymous-tls", "stranger-tls", "good-mutual"}, enrolled
        stage.settled()
        stage.verified()
        assert stage.stop() == 0
    finally:
        stage.close()


main()
