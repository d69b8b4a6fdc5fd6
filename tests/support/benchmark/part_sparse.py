"""Sparse tables: a thousand rows to archive among millions that stay."""

import os
import shutil

import measure
import osarchiver_runner
from benchmark.lab import Failed, medians
from private_mariadb import PrivateMariadb

ELIGIBLE = 1000
# Beside the table's own name: its key, and the columns that make it. Keys ascend with seq, so that
# the tables are filled in order.
KEYS = {
    "int_key": ("id int NOT NULL", "id", "seq"),
    "text_key": (
        "uuid varchar(36) NOT NULL",
        "uuid",
        "CONCAT(LPAD(HEX(seq * 700), 8, '0'), '-0000-4000-8000-', LPAD(seq, 12, '0'))",
    ),
    "composite_key": (
        "project varchar(32) NOT NULL, number int NOT NULL",
        "project, number",
        "CONCAT('project-', LPAD(seq DIV 2000, 8, '0')), seq MOD 2000",
    ),
}
# As int_key, with an index on the soft-delete column.
INDEXED = "indexed"
ROW = (
    "user_id varchar(64), host varchar(64), message varchar(255), details text, "
    "created_at datetime, deleted_at datetime, deleted int NOT NULL DEFAULT 0"
)
CONDITION = "deleted_at <= NOW() - INTERVAL 12 MONTH AND deleted_at IS NOT NULL AND deleted <> 0"
INTEGER_MOST, OTHER_MOST, INDEX_MOST = 1.5, 5, 0.05
# Windows aim at a third of a second; what a busy machine adds.
LONGEST_STATEMENT_S = 1.2


class SparseTables:
    """The tables of KEYS and the indexed one, and how one of them is counted, archived from and
    filled up again."""

    def __init__(self, directory, rows, buffer_pool):
        self.rows = rows
        self.directory = directory
        self.server = PrivateMariadb(
            os.path.join(directory, "source"),
            binlog=True,
            extra=[f"--innodb-buffer-pool-size={buffer_pool}", "--innodb-log-file-size=512M"],
        )

    def close(self):
        self.server.close()

    def fill(self, table):
        columns, key, values = KEYS["int_key" if table == INDEXED else table]
        sql = self.server.sql
        sql(
            f"CREATE DATABASE IF NOT EXISTS sparse; USE sparse; CREATE TABLE {table} ({columns}, {ROW}, "
            f"PRIMARY KEY ({key})) ENGINE=InnoDB"
        )
        step = self.rows // ELIGIBLE
        gone = f"seq MOD {step} = {step // 2}"
        for first in range(1, self.rows + 1, 100000):
            last = min(self.rows, first + 99999)
            sql(
                f"SET unique_checks=0; INSERT INTO {table} SELECT {values}, MD5(seq MOD 1000), "
                "CONCAT('compute', seq MOD 300, '.example.net'), CONCAT('message ', SHA2(seq, 256)), "
                "CONCAT(SHA2(seq, 512), SHA2(seq + 1, 512)), NOW() - INTERVAL 900 DAY, "
                f"IF({gone}, NOW() - INTERVAL 700 DAY, NULL), IF({gone}, 1, 0) "
                f"FROM seq_{first}_to_{last}",
                "sparse",
            )
        if table == INDEXED:
            sql(f"CREATE INDEX by_deletion ON {table} (deleted_at)", "sparse")
        sql(
            f"CREATE TABLE {table}_back AS SELECT * FROM {table} WHERE {CONDITION}; "
            f"ANALYZE TABLE {table}",
            "sparse",
        )

    def count(self, table):
        result = measure.run(
            self.server.client("sparse", "-e", f"SELECT COUNT(*) FROM {table} WHERE {CONDITION}")
        )
        if result["code"] != 0:
            raise Failed(result["output"])
        return result

    def delete(self, table):
        """The bare DELETE, which archives nothing; afterwards the table is as before."""
        result = measure.run(
            self.server.client("sparse", "-e", f"DELETE FROM {table} WHERE {CONDITION}")
        )
        if result["code"] != 0:
            raise Failed(result["output"])
        self.server.sql(f"INSERT INTO {table} SELECT * FROM {table}_back", "sparse")
        return result

    def serve(self, table):
        """Two plain clients: one reads the rows into a file that is synced, one deletes them.
        Nothing is verified, journaled or compressed."""
        path = os.path.join(self.directory, "served.tsv")
        read = self.server.client("sparse", "-e", f"SELECT * FROM {table} WHERE {CONDITION}")
        script = 'path=$1; shift; "$@" >"$path" && sync "$path"'
        result = measure.run(["sh", "-c", script, "sh", path, *read])
        if result["code"] != 0:
            raise Failed(result["output"])
        deleted = self.delete(table)
        return {key: result[key] + deleted[key] for key in ("wall_s", "cpu_s")}

    def run(self, table, first=False):
        """One run of osarchiver over the table; afterwards the table is as before. first: the first
        one ever, which makes the journal and the archives' root; otherwise those of the runs before
        are there, as in every night but one."""
        output = os.path.join(self.directory, "first" if first else "nights")
        if first:
            shutil.rmtree(output, ignore_errors=True)
        os.makedirs(output, exist_ok=True)
        config = osarchiver_runner.simple_config(
            output, self.server, ["sparse"], source_settings={"tables": [table]}
        )
        path = osarchiver_runner.write_config(os.path.join(output, "osarchiver.yaml"), config)
        self.server.sql(
            "SET GLOBAL log_output='TABLE', long_query_time=0.2; TRUNCATE mysql.slow_log; "
            "SET GLOBAL slow_query_log=1"
        )
        result = measure.run(osarchiver_runner.command_line(path, "run"))
        self.server.sql("SET GLOBAL slow_query_log=0")
        longest = self.server.query(
            "SELECT COALESCE(MAX(TIME_TO_SEC(query_time)), 0) "
            "FROM mysql.slow_log"
        )[0][0]
        result["longest_statement_s"] = float(longest)
        left = self.server.value(f"SELECT COUNT(*) FROM sparse.{table}")
        if result["code"] != 0 or int(left) != self.rows - ELIGIBLE:
            raise Failed(f"{table}: {left} rows left of {self.rows}\n{result['output'][-2000:]}")
        self.server.sql(f"INSERT INTO {table} SELECT * FROM {table}_back", "sparse")
        del result["output"]
        return result


class Sparse:
    name = "sparse"
    summary = "a thousand rows to archive among millions that stay"

    def run(self, lab):
        options = lab.options
        rows = options.sparse_rows
        filled = [*KEYS, INDEXED]
        pool = options.buffer_pool or f"{max(512, rows * len(filled) * 5 // 8192)}M"
        with lab.place() as directory:
            tables = SparseTables(directory, rows, pool)
            try:
                for table in filled:
                    tables.fill(table)
                lab.say(f"  {rows} rows in each of {', '.join(filled)}; {ELIGIBLE} to archive")
                for table in filled:
                    tables.run(table)  # the first of its nights
                results = lab.alternate(self._contestants(tables))
            finally:
                tables.close()
        self._judge(lab, results)

    def _contestants(self, tables):
        contestants = {}
        for table in KEYS:
            contestants[f"count {table}"] = lambda table=table: tables.count(table)
            contestants[f"run {table}"] = lambda table=table: tables.run(table)
        contestants["run indexed"] = lambda: tables.run(INDEXED)
        contestants["delete indexed"] = lambda: tables.delete(INDEXED)
        contestants["served indexed"] = lambda: tables.serve(INDEXED)
        contestants["first indexed"] = lambda: tables.run(INDEXED, first=True)
        return contestants

    def _judge(self, lab, results):
        lab.keep("runs", results)
        middle = medians(results)
        for table in KEYS:
            ratio = middle[f"run {table}"]["wall_s"] / middle[f"count {table}"]["wall_s"]
            most = INTEGER_MOST if table == "int_key" else OTHER_MOST
            lab.bar(f"run : COUNT(*), no index, {table}", ratio, most, unit=" x")
        scan = middle["run int_key"]["wall_s"]
        lab.bar(
            "run with an index on the column : without",
            middle["run indexed"]["wall_s"] / scan,
            INDEX_MOST,
            unit=" x",
            note=f"the first run ever: {middle['first indexed']['wall_s'] / scan:.4f} x, "
            f"the bare DELETE: {middle['delete indexed']['wall_s'] / scan:.4f} x, two plain "
            f"clients that read the rows into a file and delete them: "
            f"{middle['served indexed']['wall_s'] / scan:.4f} x",
        )
        longest = max(
            run.get("longest_statement_s", 0) for runs in results.values() for run in runs
        )
        lab.bar("longest statement", longest, LONGEST_STATEMENT_S, unit=" s")
