"""StAEDI reads the same bytes in Java, where java and its jar are to be had: a reference from another language."""

import json
import shutil
import subprocess
import tempfile
from pathlib import Path

ARTIFACT = "io.xlate:staedi:1.25.3"
_FETCH_SECONDS_MAX = 120
_RUN_SECONDS_MAX = 120

# Counts the events of the file, run by run, in one process so that the compiler has seen the code.
_PROGRAM = """
import io.xlate.edi.stream.*;
import java.io.*;
import java.nio.file.*;
import java.util.*;

public class Bench {
    public static void main(String[] call) throws Exception {
        byte[] data = Files.readAllBytes(Path.of(call[0]));
        int runs = Integer.parseInt(call[1]);
        List<Double> seconds = new ArrayList<>();
        var threads = java.lang.management.ManagementFactory.getThreadMXBean();
        long events = 0;
        for (int run = -2; run < runs; run++) {
            long began = threads.getCurrentThreadCpuTime();
            EDIStreamReader reader = EDIInputFactory.newFactory().createEDIStreamReader(new ByteArrayInputStream(data));
            events = 0;
            while (reader.hasNext()) {
                EDIStreamEvent event = reader.next();
                if (event == EDIStreamEvent.ELEMENT_DATA && reader.getText() == null) throw new IllegalStateException();
                if (event == EDIStreamEvent.START_TRANSACTION) events++;
            }
            if (run >= 0) seconds.add((threads.getCurrentThreadCpuTime() - began) / 1e9);
        }
        System.out.println("{\\"transactions\\": " + events + ", \\"seconds\\": " + seconds + "}");
    }
}
"""


def megabytes_per_second(data: bytes, runs: int) -> list[float] | None:
    """How fast StAEDI gets through the bytes, run by run; None when it cannot be had here."""
    java, maven = shutil.which("java"), shutil.which("mvn")
    if java is None or maven is None:
        return None
    with tempfile.TemporaryDirectory() as folder:
        jar = _jar(maven, Path(folder))
        if jar is None:
            return None
        program, file = Path(folder) / "Bench.java", Path(folder) / "orders.edi"
        program.write_text(_PROGRAM)
        file.write_bytes(data)
        call = [java, "-cp", str(jar), str(program), str(file), str(runs)]
        done = subprocess.run(call, check=True, capture_output=True, text=True, timeout=_RUN_SECONDS_MAX)
    told = json.loads(done.stdout)
    assert told["transactions"] == data.count(b"~ST*"), told
    return [len(data) / 1e6 / seconds for seconds in told["seconds"]]


def _jar(maven: str, folder: Path) -> Path | None:
    call = [maven, "-q", "-B", "dependency:copy", f"-Dartifact={ARTIFACT}", f"-DoutputDirectory={folder}"]
    try:
        subprocess.run(call, check=True, capture_output=True, timeout=_FETCH_SECONDS_MAX, cwd=folder)
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired):
        return None
    return next(folder.glob("staedi-*.jar"), None)
