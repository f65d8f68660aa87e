# SPDX-License-Identifier: MIT
"""Debian's Prometheus as a test runs it, unprivileged on loopback."""

import json
import os
import shutil
import socket
import subprocess
import tempfile
import urllib.error
import urllib.parse
import urllib.request


class Prometheus:
    """Debian's Prometheus, scraping one target each second."""

    def __init__(self, target, token_file=None):
        self.dir = tempfile.mkdtemp(prefix="weir-prometheus-")
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.address = "127.0.0.1:%d" % probe.getsockname()[1]
        with open(os.path.join(self.dir, "config.yml"), "w", encoding="utf-8") as config:
            config.write("global: {scrape_interval: 1s}\nscrape_configs:\n"
                         "  - job_name: weir\n    static_configs:\n"
                         f"      - targets: ['{target}']\n")
            if token_file:
                config.write("    authorization:\n      type: Bearer\n"
                             f"      credentials_file: {token_file}\n")
        self.log = open(os.path.join(self.dir, "log"), "w+", encoding="utf-8")
        self.process = subprocess.Popen(
            ["prometheus", "--config.file", os.path.join(self.dir, "config.yml"),
             "--storage.tsdb.path", os.path.join(self.dir, "data"),
             "--web.listen-address", self.address], stdout=self.log, stderr=self.log)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        self.log.close()
        shutil.rmtree(self.dir, ignore_errors=True)

    def query(self, expression):
        """The value of an expression; None while there is none."""
        assert self.process.poll() is None, "prometheus has ended"
        words = urllib.parse.urlencode({"query": expression})
        try:
            with urllib.request.urlopen(f"http://{self.address}/api/v1/query?{words}",
                                        timeout=10) as answer:
                result = json.load(answer)["data"]["result"]
        except (urllib.error.URLError, OSError):
            return None
        return float(result[0]["value"][1]) if len(result) == 1 else None
