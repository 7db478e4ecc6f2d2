"""What the machine says about itself that matters for real-time work. Read only; nothing is changed."""

from __future__ import annotations

import os
import platform
from pathlib import Path


def kernel() -> str:
    """Release of the kernel, and whether it is a PREEMPT_RT one."""
    realtime = _read("/sys/kernel/realtime") == "1" or "PREEMPT_RT" in platform.version()
    return f"{platform.system()} {platform.release()} {'PREEMPT_RT' if realtime else 'not PREEMPT_RT'}"


def facts() -> dict[str, str]:
    """CPU, cores, governor, isolated cores, virtualisation; what cannot be read is left out."""
    found = {
        "cpu": _cpu_model(),
        "cores": str(len(os.sched_getaffinity(0))) if hasattr(os, "sched_getaffinity") else str(os.cpu_count()),
        "governor": _read("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"),
        "isolated": _read("/sys/devices/system/cpu/isolated"),
        "hypervisor": "yes" if "hypervisor" in _flags() else "",
        "load average": _read("/proc/loadavg").split(" ")[0],
    }
    return {name: value for name, value in found.items() if value}


def _read(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except OSError:
        return ""


def _cpuinfo(key: str) -> str:
    for line in _read("/proc/cpuinfo").splitlines():
        name, _, value = line.partition(":")
        if name.strip() == key:
            return value.strip()
    return ""


def _cpu_model() -> str:
    return _cpuinfo("model name") or platform.machine()


def _flags() -> list[str]:
    return _cpuinfo("flags").split()
