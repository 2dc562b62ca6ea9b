"""tamisd as its operator meets it: wrong configurations, a port in use, TLS, signals. The door is real, the core too."""

import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

import grpc

binaries = pathlib.Path(sys.argv[1]).parent
folder = pathlib.Path(tempfile.mkdtemp(prefix="tamis-daemon-"))
home = folder / "home"
DESCRIBE = "/tamis.v1.Client/Describe"


def tamisd(*arguments):
    return subprocess.run([binaries / "tamisd", *arguments], capture_output=True, text=True, timeout=30)


def configure(name, **changes):
    """A copy of the configuration that `tamis init` made, with lines changed or added."""
    lines = (home / "tamisd.yaml").read_text().splitlines()
    for key, value in changes.items():
        lines = [line for line in lines if not line.startswith(key + ":")]
        if value is not None:
            lines.append(f"{key}: {value}")
    path = home / f"{name}.yaml"
    path.write_text("\n".join(lines) + "\n")
    return path


class Daemon:
    def __init__(self, config):
        self.ready = folder / "ready"
        self.ready.unlink(missing_ok=True)
        self.process = subprocess.Popen([binaries / "tamisd", "--config", config, "--ready-file", self.ready],
                                        stderr=subprocess.PIPE, text=True)
        while not self.ready.exists():
            assert self.process.poll() is None, self.process.stderr.read()
            time.sleep(0.01)
        self.address = self.ready.read_text().strip()

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        said = self.process.communicate(timeout=30)[1]
        assert self.process.returncode == 0, said
        assert not self.ready.exists()
        return said


def describe(channel):
    with channel:
        return channel.unary_unary(DESCRIBE)(b"", timeout=5)


def wrong_usage_and_configuration():
    assert tamisd().returncode == 2
    assert tamisd("--config", "x", "extra").returncode == 2
    assert tamisd("--nonsense").returncode == 2
    assert tamisd("--help").returncode == 0 and "Exit codes" in tamisd("--help").stdout
    assert tamisd("--version").stdout.startswith("tamisd ")
    assert tamisd("--config", "/nowhere").returncode == 9
    done = tamisd("--check-config", "--config", configure("unknown", extra="1"))
    assert done.returncode == 9 and "extra" in done.stderr, done
    done = tamisd("--check-config", "--config", configure("open", listen='"0.0.0.0:0"'))
    assert done.returncode == 9 and "tls" in done.stderr, done
    assert tamisd("--check-config", "--config", configure("good")).returncode == 0


def a_port_in_use_is_an_error():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        done = tamisd("--config", configure("taken", listen=f'"127.0.0.1:{taken.getsockname()[1]}"'))
        assert done.returncode == 1 and "in use" in done.stderr, done


def two_servers_do_not_share_a_port():
    shutil.copytree(home, folder / "other")  # a log key has one signer: the second server has a key file of its own
    first = Daemon(configure("first", listen='"127.0.0.1:0"'))
    done = tamisd("--config", shutil.copy(configure("second", listen=f'"{first.address}"'), folder / "other"))
    assert done.returncode == 1 and "in use" in done.stderr, done
    done = tamisd("--config", configure("third", listen='"127.0.0.1:0"', state="state3"))
    assert done.returncode == 1 and "another signer uses this key" in done.stderr, done
    first.stop()


def plain_text_on_a_unix_socket_and_signals():
    daemon = Daemon(configure("unix", listen=f'"unix:{folder}/socket"'))
    assert daemon.address == f"unix:{folder}/socket"
    assert describe(grpc.insecure_channel(daemon.address))
    daemon.process.send_signal(signal.SIGHUP)
    time.sleep(0.2)
    said = daemon.stop()
    assert "needs restart" in said and "stopped" in said, said


def openssl(*arguments):
    subprocess.run(["openssl", *arguments], check=True, capture_output=True, cwd=home)


def certificates():
    openssl("req", "-x509", "-newkey", "ed25519", "-nodes", "-keyout", "ca.key", "-out", "ca.pem", "-days", "2", "-subj",
            "/CN=test ca")
    for name in ("server", "device"):
        openssl("req", "-newkey", "ed25519", "-nodes", "-keyout", f"{name}.key", "-out", f"{name}.csr", "-subj",
                f"/CN={name}", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1")
        openssl("x509", "-req", "-in", f"{name}.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-out",
                f"{name}.pem", "-days", "2", "-copy_extensions", "copy")


def read(name):
    return (home / name).read_bytes()


def tls_and_mutual_tls():
    certificates()
    mutual = "{certificate: server.pem, key: server.key, client_ca: ca.pem}"
    for tls, needs_certificate in (("{certificate: server.pem, key: server.key}", False), (mutual, True)):
        daemon = Daemon(configure("tls", listen='"127.0.0.1:0"', tls=tls))
        anonymous = grpc.ssl_channel_credentials(read("ca.pem"))
        device = grpc.ssl_channel_credentials(read("ca.pem"), read("device.key"), read("device.pem"))
        assert describe(grpc.secure_channel(daemon.address, device))
        for channel, is_fine in ((grpc.secure_channel(daemon.address, anonymous), not needs_certificate),
                                 (grpc.insecure_channel(daemon.address), False)):
            try:
                assert describe(channel) and is_fine
            except grpc.RpcError as error:
                assert not is_fine and error.code() == grpc.StatusCode.UNAVAILABLE, error
        assert describe(grpc.secure_channel(daemon.address, device))
        daemon.stop()
    done = tamisd("--config", configure("mixed", listen='"127.0.0.1:0"',
                                        tls="{certificate: server.pem, key: device.key}"))
    assert done.returncode == 9, done
    done = tamisd("--config", configure("nopem", listen='"127.0.0.1:0"',
                                        tls="{certificate: tamisd.yaml, key: server.key}"))
    assert done.returncode == 9 and "PEM" in done.stderr, done


def second_signal_stops_at_once():
    daemon = Daemon(configure("hung", listen='"127.0.0.1:0"'))
    channel = grpc.insecure_channel(daemon.address)
    never = iter(lambda: time.sleep(20) or b"", None)
    call = channel.stream_unary(DESCRIBE).future(never, timeout=20)
    time.sleep(0.3)
    daemon.process.send_signal(signal.SIGTERM)
    time.sleep(0.3)
    assert daemon.process.poll() is None  # it waits for the call
    begun = time.time()
    daemon.stop()
    assert time.time() - begun < 5
    call.cancel()
    channel.close()


tests = [wrong_usage_and_configuration, a_port_in_use_is_an_error, two_servers_do_not_share_a_port,
         plain_text_on_a_unix_socket_and_signals, tls_and_mutual_tls, second_signal_stops_at_once]
if not (binaries / "tamis").exists() or not (binaries / "tamisd").exists():
    print("tamisd and tamis are not built: left out")
    sys.exit(77)
try:
    subprocess.run([binaries / "tamis", "init", home, "--listen", "127.0.0.1:0", "--metrics", "off"], check=True,
                   capture_output=True)
    for test in tests:
        begun = time.time()
        test()
        print(f"ok     {test.__name__} ({time.time() - begun:.1f} s)", flush=True)
finally:
    shutil.rmtree(folder)
