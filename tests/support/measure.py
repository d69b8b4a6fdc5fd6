"""What the benchmark and the memory test share: large tables, and the measuring of one program."""

import json
import os
import subprocess
import sys
import tempfile

_DIRECTORY = os.path.dirname(os.path.abspath(__file__))
SCHEMA = os.path.join(_DIRECTORY, "sample_schema", "instances.sql")
LAUNCH = os.path.join(_DIRECTORY, "launch.py")
# Soft-deleted at least 100 days before or after this; a cutoff 12 months ago lies between for years
# to come.
ELIGIBLE = "deleted_at <= NOW() - INTERVAL 12 MONTH"


def fill_instances(server, rows):
    """Makes nova.instances with `rows` rows of about 1 KB; six of ten are soft-deleted two years
    ago, between live and recent ones."""
    with open(SCHEMA, encoding="utf-8") as file:
        create = file.read()
    # 7919 is prime to 10: in every ten neighbours six are eligible, in no order that a reader could
    # guess.
    old = "(seq * 7919 + seq DIV 10 * 3) MOD 10 < 6"
    recent = "(seq * 7919 + seq DIV 10 * 3) MOD 10 = 6"
    deleted = f"({old} OR {recent})"
    when = (
        f"IF({old}, NOW() - INTERVAL 730 DAY + INTERVAL seq MOD 8640000 SECOND, "
        f"IF({recent}, NOW() - INTERVAL 30 DAY + INTERVAL seq MOD 86400 SECOND, NULL))"
    )
    columns = {
        "created_at": "NOW() - INTERVAL 1000 DAY",
        "updated_at": "NOW() - INTERVAL 740 DAY + INTERVAL seq SECOND",
        "deleted_at": when,
        "id": "seq",
        "user_id": "MD5(seq MOD 1000)",
        "project_id": "MD5(CONCAT('p', seq MOD 500))",
        "image_ref": "UUID()",
        "kernel_id": "''",
        "ramdisk_id": "''",
        "launch_index": "0",
        "key_name": "CONCAT('key-', seq MOD 1000)",
        "key_data": "CONCAT('ssh-ed25519 AAAAC3NzaC1lZDI1NTE5', MD5(seq), MD5(seq + 1))",
        "power_state": "4",
        "vm_state": "'deleted'",
        "memory_mb": "4096",
        "vcpus": "2",
        "hostname": "CONCAT('server-', seq)",
        "host": "CONCAT('compute', seq MOD 300, '.example.net')",
        "user_data": "CONCAT(SHA2(seq, 512), SHA2(seq + 1, 512), 'I2Nsb3VkLWNvbmZpZwpwYWNrYWdlX3VwZGF0ZTogdHJ1ZQo=')",
        "reservation_id": "CONCAT('r-', LPAD(HEX(seq), 8, '0'))",
        "launched_at": "NOW() - INTERVAL 999 DAY",
        "terminated_at": when,
        "display_name": "CONCAT('server ', seq)",
        "display_description": "CONCAT('It\\'s server \"', seq, '\"')",
        "availability_zone": "'nova'",
        "locked": "0",
        "os_type": "'linux'",
        "launched_on": "CONCAT('compute', seq MOD 300, '.example.net')",
        "instance_type_id": "seq MOD 20",
        "uuid": "INSERT(INSERT(INSERT(INSERT(MD5(seq), 9, 0, '-'), 14, 0, '-'), 19, 0, '-'), 24, 0, '-')",
        "architecture": "'x86_64'",
        "root_device_name": "'/dev/vda'",
        "access_ip_v4": "'192.0.2.7'",
        "config_drive": "''",
        "task_state": "NULL",
        "progress": "0",
        "auto_disk_config": "0",
        "shutdown_terminate": "0",
        "disable_terminate": "0",
        "root_gb": "20",
        "ephemeral_gb": "0",
        "node": "CONCAT('compute', seq MOD 300, '.example.net')",
        "deleted": f"IF({deleted}, seq, 0)",
        "cleaned": f"{deleted}",
        "hidden": "0",
    }
    server.sql("DROP DATABASE IF EXISTS nova; CREATE DATABASE nova; USE nova;\n" + create)
    for first in range(1, rows + 1, 50000):
        server.sql(
            f"SET unique_checks=0; INSERT INTO instances ({', '.join(columns)}) SELECT {', '.join(columns.values())} "
            f"FROM seq_{first}_to_{min(rows, first + 49999)}",
            "nova",
        )
    server.sql("ANALYZE TABLE nova.instances")


def fill_large_values(server, rows, value_bytes):
    """Makes big.objects with `rows` eligible rows that hold one value of `value_bytes` each; it
    does not compress away."""
    server.sql(
        "DROP DATABASE IF EXISTS big; CREATE DATABASE big; CREATE TABLE big.objects (id int NOT NULL PRIMARY KEY, "
        "deleted_at datetime, deleted int NOT NULL, content longblob) ENGINE=InnoDB"
    )
    for number in range(1, rows + 1):
        server.sql(
            f"INSERT INTO big.objects SELECT {number}, NOW() - INTERVAL 730 DAY, {number}, "
            f"REPEAT(RANDOM_BYTES(1024), {value_bytes} DIV 1024)"
        )


def bytes_written(pid):
    """What a process has given to the disk so far."""
    with open(f"/proc/{pid}/io") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("write_bytes"))


def cpu_seconds(pid):
    """The user and system CPU time that a process has taken so far."""
    with open(f"/proc/{pid}/stat") as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def run(command, input_path=None, env=None):
    """Runs a program and returns its exit code, wall time, user and system CPU time, peak resident
    memory, bytes it gave to the disk, and its output."""
    read_end, write_end = os.pipe()
    with tempfile.TemporaryFile() as output, open(input_path or os.devnull, "rb") as source:
        process = subprocess.Popen(
            [sys.executable, "-I", "-S", LAUNCH, str(write_end), *command],
            stdin=source,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=env,
            pass_fds=[write_end],
        )
        os.close(write_end)
        with os.fdopen(read_end) as report:
            text = report.read()
        process.wait()
        output.seek(0)
        said = output.read().decode(errors="replace")
    if process.returncode != 0:
        raise OSError(f"{command[0]} could not be started: {said[-2000:]}")
    return {**json.loads(text), "output": said}
