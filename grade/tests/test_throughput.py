"""What make throughput makes of a guest's lines."""

import json

import pytest
from pagoda import throughput
from pagoda.bench import DONE, BenchError


def output(price: int = 3000, waits: str = "", extra: str = "") -> str:
    lines = [
        f"throughput {kind} {n} {n * 4096} {n * 4096 * (price if n == 8 else 3000)} {n * 1000}{waits if n == 1 else ' AMAP=' + str(n * 4096)}\n"
        for kind in throughput.KINDS for n in range(1, 9)]
    return "".join(lines) + extra + DONE


def test_prices_rates_and_waits() -> None:
    rows = throughput.parse(output())
    assert len(rows) == 24 and rows[7].price == 3000 and rows[7].rate == rows[0].rate
    assert rows[0].waits == {} and throughput.told(rows[0]) == "-"
    assert throughput.told(rows[7]) == "AMAP 1,000"
    assert throughput.wrong(rows) == []


def test_who_is_alone_waits_for_nobody() -> None:
    assert throughput.wrong(throughput.parse(output(waits=" MAP=1 RUNQ=4"))) == [
        f"{kind}, one worker: 1 waits for MAP" for kind in throughput.KINDS]


def test_own_memory_costs_what_it_costs_alone() -> None:
    assert throughput.wrong(throughput.parse(output(price=3400))) == ["own, 8 workers: 3,400 a fault, alone 3,000"]


@pytest.mark.parametrize("text", ["", output().replace(DONE, ""), output().replace("throughput own 5", "throughput own 9")])
def test_half_a_run_is_none(text: str) -> None:
    with pytest.raises(BenchError):
        throughput.parse(text)


def test_table_and_file() -> None:
    rows = throughput.parse(output())
    assert throughput.table(rows, rows).splitlines()[-1] == "| `threads` | 8 | 3,000 | AMAP 1,000 | 1.00 | AMAP 1,000 |"
    assert json.loads(throughput.as_json(rows, rows))["shared_2"]["parallel_rate"] == 1.0
