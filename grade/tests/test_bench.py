"""What make bench makes of a guest's lines."""

import json

import pytest
from pagoda import bench


def output(**changed: int) -> str:
    values = {**{name: int(reach * 1000) for name, reach in bench.REACH.items()}, **changed}
    return "OpenSBI\n" + "".join(f"bench {name} {value} 500 instructions a byte\n" for name, value in values.items()) + bench.DONE


def test_thousandths() -> None:
    figures = {one.name: one for one in bench.parse(output(pipe_per_byte=1561))}
    assert figures["pipe_per_byte"] == bench.Figure("pipe_per_byte", 1.561, 0.5, "instructions a byte")


def test_reached_is_at_most() -> None:
    figures = {one.name: one for one in bench.parse(output(null_syscall=160001, extra=1))}
    assert not figures["null_syscall"].reached
    assert figures["open_close"].reached and figures["extra"].reached


@pytest.mark.parametrize("text", [
    "", "panic: lost\n", output().replace(bench.DONE, ""), output().replace("bench null_syscall", "bench another"),
    output().replace("bench fault_map 400000", "bench fault_map ?")])
def test_half_a_run_is_none(text: str) -> None:
    with pytest.raises(bench.BenchError):
        bench.parse(text)


def test_runs_that_differ() -> None:
    one = bench.parse(output())
    assert bench.differences(one, bench.parse(output())) == []
    assert bench.differences(one, bench.parse(output(fault_map=400001))) == ["fault_map: 400.0, then 400.001"]
    assert bench.differences(one, bench.parse(output(more=1))) == ["more: in one run only"]


def test_table_and_file() -> None:
    figures = bench.parse(output(fault_zero=2000000))
    lines = bench.table(figures).splitlines()
    assert len({len(line) for line in lines}) == 1
    assert "| `fault_zero`" in lines[2 + list(bench.REACH).index("fault_zero")] and "2,000 |" in bench.table(figures)
    assert bench.table(figures).count("not reached") == 1
    assert json.loads(bench.as_json(figures))["fault_zero"] == {"value": 2000, "unit": "instructions a byte", "floor": 0.5}
