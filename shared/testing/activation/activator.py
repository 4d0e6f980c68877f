"""A stand-in for systemd's socket activation (systemd.socket(5), Accept=no): binds, waits until somebody connects, starts the service with
the sockets (sd_listen_fds(3)), waits for its end, and waits again. Sockets stay open throughout, so what has queued on them is never lost.

    python3 activator.py NAME ADDRESS... -- COMMAND...

ADDRESS is HOST:PORT, [HOST]:PORT, /path for a Unix socket, or `connected`. Every event is one line of JSON on standard output: `bound` with the addresses,
`started` with the pid, `ended` with the exit status (negative: the signal). A line on standard input is an order: `start` does not wait for a
connection, `signal N` sends one to the service. It ends with its standard input, and takes the service along. Options are taken from the
environment: ACTIVATOR_PID=other hands the sockets to another process by name.
"""
import fcntl
import json
import os
import select
import signal
import socket
import sys


peers = []


def say(event, **facts):
    print(json.dumps({"event": event, **facts}), flush=True)


def bound(address):
    if address == "connected":
        # Handed over by mistake: a connection, as with Accept=yes.
        with socket.create_server(("127.0.0.1", 0)) as server:
            peers.append(socket.create_connection(server.getsockname()))
            return server.accept()[0]
    if address.startswith("/"):
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        listener.bind(address)
    else:
        host, _, port = address.rpartition(":")
        family = socket.AF_INET6 if host.startswith("[") else socket.AF_INET
        listener = socket.socket(family, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host.strip("[]"), int(port)))
    listener.listen(4096)
    return listener


def start(name, listeners, command):
    pid = os.fork()
    if pid:
        return pid
    try:
        environment = dict(os.environ)
        meant = os.getppid() if environment.pop("ACTIVATOR_PID", "") == "other" else os.getpid()
        environment |= {"LISTEN_FDS": str(len(listeners)), "LISTEN_PID": str(meant), "LISTEN_FDNAMES": ":".join([name] * len(listeners))}
        # Copied out of the way first, so that none is overwritten by another.
        copies = [fcntl.fcntl(one.fileno(), fcntl.F_DUPFD, 500) for one in listeners]
        os.dup2(os.open("/dev/null", os.O_RDONLY), 0)
        os.dup2(2, 1)
        for index, copy in enumerate(copies):
            os.dup2(copy, 3 + index)
        os.closerange(3 + len(listeners), 4096)
        os.execvpe(command[0], command, environment)
    finally:
        os._exit(127)


def main():
    split = sys.argv.index("--")
    name, addresses, command = sys.argv[1], sys.argv[2:split], sys.argv[split + 1 :]
    listeners = [bound(address) for address in addresses]
    say("bound", addresses=[one.getsockname() for one in listeners])
    wake_read, wake_write = os.pipe()
    os.set_blocking(wake_write, False)
    signal.set_wakeup_fd(wake_write)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    pid, orders = 0, b""
    while True:
        # As systemd does: the sockets are watched only while the service does not run.
        ready, _, _ = select.select([0, wake_read] + ([] if pid else listeners), [], [])
        if wake_read in ready:
            os.read(wake_read, 4096)
            gone, status = os.waitpid(pid, os.WNOHANG) if pid else (0, 0)
            if gone:
                say("ended", pid=pid, status=os.waitstatus_to_exitcode(status))
                pid = 0
        if 0 in ready:
            piece = os.read(0, 4096)
            if not piece:
                break
            orders += piece
            *lines, orders = orders.split(b"\n")
            for line in lines:
                word, *rest = line.decode().split()
                if word == "start" and not pid:
                    pid = start(name, listeners, command)
                    say("started", pid=pid)
                elif word == "signal" and pid:
                    os.kill(pid, int(rest[0]))
        if not pid and any(one in ready for one in listeners):
            pid = start(name, listeners, command)
            say("started", pid=pid)
    if pid:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


main()
